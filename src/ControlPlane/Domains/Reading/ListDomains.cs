using System.ComponentModel;
using System.Linq.Expressions;
using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains.Ownership;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Fleets;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Reading;

/// <summary>GET /v1/domains: a page of domains, oldest first.</summary>
internal static class ListDomains
{
    public static void Map(RouteGroupBuilder domains) => domains.MapGet("", HandleAsync)
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ListDomains").WithSummary("List domains")
        .Documented(
            "Oldest first. Deleted domains are left out unless `status` asks for them.",
            Problems.InvalidField, Problems.MalformedRequest, Problems.TenantNotAllowed, Problems.TenantUnknown,
            Problems.FleetNotAllowed, Problems.FleetUnknown)
        .Words("status", Enum.GetNames<OverallStatus>()).Words("waitingOn", Enum.GetNames<WaitingOn>())
        .Words("reason", [.. Reasons.ByCode.Keys])
        .Example(null, new Page<DomainView>([Examples.Active], null)).Produces<Page<DomainView>>();

    public static async Task<IResult> HandleAsync(
        Caller caller, ControlPlaneDb db, DomainViews views, CancellationToken ct,
        [Description("The domain as a whole.")] string? status = null,
        [Description("The beginning of the name.")] string? hostname = null,
        [Description("Who must act next.")] string? waitingOn = null,
        [Description("Why it is not further, such as `node-refused`.")] string? reason = null,
        [Description("Whose, by name or id; for operators' keys.")] string? tenant = null,
        [Description("Which fleet's, by name or id; for operators' keys.")] string? fleet = null,
        Guid? cursor = null,
        int limit = Page<DomainView>.DefaultLimit)
    {
        if (Page<DomainView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        if (!TryParse<OverallStatus>(status, out var wantedStatus))
        {
            return NoSuch("status", Enum.GetNames<OverallStatus>());
        }

        if (!TryParse<WaitingOn>(waitingOn, out var party))
        {
            return NoSuch("waitingOn", Enum.GetNames<WaitingOn>());
        }

        if (reason is not null && !Reasons.ByCode.ContainsKey(reason))
        {
            return NoSuch("reason", [.. Reasons.ByCode.Keys]);
        }

        var query = db.Domains.AsNoTracking().VisibleTo(caller).Where(HasStatus(wantedStatus, db));
        if (hostname is not null)
        {
            // Stored names are in lower case; a name pasted from a customer's mail need not be.
            var start = hostname.ToLowerInvariant();
            var pattern = start.Replace("\\", "\\\\").Replace("%", "\\%").Replace("_", "\\_") + "%";
            query = query.Where(domain => EF.Functions.Like(domain.Hostname, pattern));
        }

        if (tenant is not null)
        {
            if (caller.Role == ApiRole.Portal)
            {
                return Problems.TenantNotAllowed.With();
            }

            if (await TenantReference.FindAsync(db, tenant, ct) is not { Id: var owner })
            {
                return Problems.TenantUnknown.With($"There is no tenant {tenant}.");
            }

            query = query.Where(domain => domain.TenantId == owner);
        }

        if (fleet is not null)
        {
            if (caller.Role == ApiRole.Portal)
            {
                return Problems.FleetNotAllowed.With();
            }

            if (await FleetReference.FindAsync(db, fleet, ct) is not { Id: var serving })
            {
                return Problems.FleetUnknown.With($"There is no fleet {fleet}.");
            }

            query = query.Where(domain => domain.FleetId == serving);
        }

        if (party is { } who)
        {
            // On nobody waits whatever waits on nobody else.
            query = query.Where(who == WaitingOn.None
                ? Not(Shows(told => told.WaitingOn != WaitingOn.None, db))
                : Shows(told => told.WaitingOn == who, db));
        }

        if (reason is not null)
        {
            query = query.Where(Shows(told => told.Code == reason, db));
        }

        var rows = await query.Where(domain => cursor == null || domain.Id > cursor)
            .OrderBy(domain => domain.Id).Take(limit + 1).ToListAsync(ct);
        var items = await views.ManyAsync([.. rows.Take(limit)], ct);
        return TypedResults.Ok(new Page<DomainView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    /// <summary>What <see cref="DomainFacts.Status"/> computes, as a condition.</summary>
    private static Expression<Func<Domain, bool>> HasStatus(OverallStatus? status, ControlPlaneDb db)
    {
        Expression<Func<Domain, bool>> broken = domain => db.Nodes.Any(node =>
            node.FleetId == domain.FleetId
            && (node.Standing == NodeStanding.Lost
                || (node.Standing == NodeStanding.Serving && !db.NodeObservations.Any(seen =>
                    seen.NodeId == node.Id && seen.DomainId == domain.Id
                        && seen.State == ObservedDomainState.Serving))));
        var parameter = broken.Parameters[0];
        var active = Expression.Equal(
            Expression.Property(parameter, nameof(Domain.Status)), Expression.Constant(DomainStatus.Active));
        return status switch
        {
            null => domain => domain.Status != DomainStatus.Deleted,
            OverallStatus.Active => Expression.Lambda<Func<Domain, bool>>(
                Expression.AndAlso(active, Expression.Not(broken.Body)), parameter),
            OverallStatus.Degraded => Expression.Lambda<Func<Domain, bool>>(
                Expression.AndAlso(active, broken.Body), parameter),
            { } other => HasStored(Enum.Parse<DomainStatus>(other.ToString())),
        };
    }

    private static Expression<Func<Domain, bool>> HasStored(DomainStatus status) => domain => domain.Status == status;

    /// <summary>Whether <see cref="DomainFacts.Reason"/> finds one of these, as a condition. What is waited for or
    /// failed is little beside what is served, and is found by its orders, which have an index for it
    /// (021_console.sql).</summary>
    private static Expression<Func<Domain, bool>> Shows(Func<Reason, bool> wanted, ControlPlaneDb db)
    {
        var codes = Reasons.ByCode.Values.Where(wanted).Select(reason => reason.Code).ToList();
        var states = DomainFacts.ReasonOfState.Where(state => wanted(state.Value)).Select(state => state.Key).ToList();
        var lost = wanted(Reasons.OwnershipLost);
        var (moved, stopped) = (wanted(Reasons.DnsMovedAway), wanted(Reasons.RenewalsStopped));
        var waiting = db.Orders
            .Where(order => order.Reason != null || (order.State != OrderState.Active
                && order.State != OrderState.Superseded && order.State != OrderState.Canceled))
            .Where(order => (order.Reason != null && codes.Contains(order.Reason))
                || (order.Reason == null && states.Contains(order.State)))
            .Where(order => !db.Orders.Any(
                later => later.DomainId == order.DomainId && later.Sequence > order.Sequence))
            .Select(order => order.DomainId);
        return domain => domain.Claim == Claim.Lost && domain.Status == DomainStatus.Failed
            ? lost
            : domain.Status == DomainStatus.Active && domain.DnsAwaySince != null
            ? (domain.RenewalsStoppedAt == null ? moved : stopped)
            : waiting.Contains(domain.Id);
    }

    private static Expression<Func<Domain, bool>> Not(Expression<Func<Domain, bool>> condition) =>
        Expression.Lambda<Func<Domain, bool>>(Expression.Not(condition.Body), condition.Parameters);

    private static bool TryParse<T>(string? word, out T? value)
        where T : struct, Enum
    {
        value = null;
        if (word is null)
        {
            return true;
        }

        // Words only: Enum.TryParse alone would take numbers too.
        if (word.Length == 0 || !word.All(char.IsAsciiLetter)
            || !Enum.TryParse<T>(word, ignoreCase: true, out var parsed))
        {
            return false;
        }

        value = parsed;
        return true;
    }

    private static Problem NoSuch(string field, string[] words)
    {
        var detail = $"{field} must be one of {string.Join(", ", words.Select(word => word.ToLowerInvariant()))}.";
        return Problems.InvalidField.With(detail) with
        {
            Errors = [new FieldProblem(field, Problems.InvalidField.Code, detail)],
        };
    }
}
