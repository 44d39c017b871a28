using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Settings;
using ControlPlane.Http;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Reading;

/// <summary>What a list of domains can be asked for, as conditions in SQL. Each has an index that finds the few; where
/// there are many, the page fills while domains are read in their order.</summary>
internal static class DomainFilters
{
    /// <summary>Those of which <see cref="DomainFacts.Status"/> says this; without a status all that are not
    /// deleted.</summary>
    public static IQueryable<Domain> HavingStatus(
        this IQueryable<Domain> domains, OverallStatus? status, ControlPlaneDb db) => status switch
        {
            null => domains.Where(domain => domain.Status != DomainStatus.Deleted),
            OverallStatus.Active => domains.Where(domain => domain.Status == DomainStatus.Active
                && !db.Nodes.Any(node => node.FleetId == domain.FleetId
                    && (node.Standing == NodeStanding.Lost
                        || (node.Standing == NodeStanding.Serving && !db.NodeObservations.Any(seen =>
                            seen.NodeId == node.Id && seen.DomainId == domain.Id
                                && seen.State == ObservedDomainState.Serving))))),
            OverallStatus.Degraded => domains.Where(domain => domain.Status == DomainStatus.Active).Degraded(db),
            { } other => domains.Stored(Enum.Parse<DomainStatus>(other.ToString())),
        };

    /// <summary>The opposite for the few: what nodes do not show is looked for once, for all domains, and not anew for
    /// each of those that are well. What a node answered is found at once; for answers that are missing all domains are
    /// looked at, and only where a node may lack some (<see cref="Node.ShowsAll"/>). Fleets with a lost node are put
    /// beside them and not joined by OR, which would try every domain.</summary>
    private static IQueryable<Domain> Degraded(this IQueryable<Domain> active, ControlPlaneDb db)
    {
        var lost = db.Nodes.Where(node => node.Standing == NodeStanding.Lost);
        var serving = db.Nodes.Where(node => node.Standing == NodeStanding.Serving);
        var unserved =
            from node in serving
            join seen in db.NodeObservations on node.Id equals seen.NodeId
            where seen.State != ObservedDomainState.Serving
            select seen.DomainId;
        var unanswered =
            from domain in db.Domains
            join node in serving on domain.FleetId equals node.FleetId
            where domain.Status == DomainStatus.Active && !node.ShowsAll
                && !db.NodeObservations.Any(seen => seen.NodeId == node.Id && seen.DomainId == domain.Id)
            select domain.Id;
        var unshown = unserved.Concat(unanswered);
        return active.Where(domain => lost.Any(node => node.FleetId == domain.FleetId))
            .Concat(active.Where(domain =>
                !lost.Any(node => node.FleetId == domain.FleetId) && unshown.Contains(domain.Id)));
    }

    private static IQueryable<Domain> Stored(this IQueryable<Domain> domains, DomainStatus status) =>
        domains.Where(domain => domain.Status == status);

    /// <summary>Stored names are in lower case; a name pasted from a customer's mail need not be.</summary>
    public static IQueryable<Domain> BeginningWith(this IQueryable<Domain> domains, string? start)
    {
        if (start is null)
        {
            return domains;
        }

        var literally = start.ToLowerInvariant().Replace("\\", "\\\\").Replace("%", "\\%").Replace("_", "\\_");
        return domains.Where(domain => EF.Functions.Like(domain.Hostname, literally + "%"));
    }

    /// <summary>Whose served certificate ends between these times, both left out.</summary>
    public static IQueryable<Domain> Expiring(
        this IQueryable<Domain> domains, DateTimeOffset? after, DateTimeOffset? before)
    {
        if (after?.ToUniversalTime() is { } from)
        {
            domains = domains.Where(domain => domain.ExpiresAt > from);
        }

        return before?.ToUniversalTime() is { } until ? domains.Where(domain => domain.ExpiresAt < until) : domains;
    }

    /// <summary>Those with this entry among their metadata; all when none is asked for.</summary>
    /// <returns>False when the text is no entry.</returns>
    public static bool TryHolding(string? entry, ControlPlaneDb db, out IQueryable<Domain> domains)
    {
        domains = db.Domains;
        if (entry is null)
        {
            return true;
        }

        if (entry.Split(':', 2) is not [var name, var value] || !Metadata.IsEntry(name, value))
        {
            return false;
        }

        var wanted = Metadata.Write(new Dictionary<string, string> { [name] = value });
        domains = db.Domains.FromSql($"SELECT * FROM domains WHERE metadata @> {wanted}::jsonb");
        return true;
    }

    /// <summary>What <see cref="DomainFacts.Reason"/> finds for the newest order. Three conditions that exclude each
    /// other, put together and not joined by OR: so each is found by its own index.</summary>
    /// <param name="domains">Where to look.</param>
    /// <param name="wanted">Which reasons.</param>
    /// <param name="none">Whether a domain without a reason is wanted, too.</param>
    /// <param name="db">Where the orders are.</param>
    public static IQueryable<Domain> Showing(
        this IQueryable<Domain> domains, Func<Reason, bool> wanted, bool none, ControlPlaneDb db)
    {
        var codes = Reasons.ByCode.Values.Where(wanted).Select(reason => reason.Code).ToList();
        var states = Enum.GetValues<OrderState>().Where(state =>
            DomainFacts.ReasonOfState.TryGetValue(state, out var told) ? wanted(told) : none).ToList();
        var found = domains.Where(domain => !(domain.Claim == Claim.Lost && domain.Status == DomainStatus.Failed)
            && !(domain.Status == DomainStatus.Active && domain.DnsAwaySince != null)
            && db.Orders.Any(order => order.DomainId == domain.Id
                && !db.Orders.Any(later => later.DomainId == order.DomainId && later.Sequence > order.Sequence)
                && ((order.Reason != null && codes.Contains(order.Reason))
                    || (order.Reason == null && states.Contains(order.State)))));
        if (wanted(Reasons.OwnershipLost))
        {
            found = found.Concat(domains.Where(domain =>
                domain.Claim == Claim.Lost && domain.Status == DomainStatus.Failed));
        }

        var (moved, stopped) = (wanted(Reasons.DnsMovedAway), wanted(Reasons.RenewalsStopped));
        return moved || stopped
            ? found.Concat(domains.Where(domain =>
                domain.Status == DomainStatus.Active && domain.DnsAwaySince != null
                && (domain.RenewalsStoppedAt == null ? moved : stopped)))
            : found;
    }
}
