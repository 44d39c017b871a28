using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Leaving;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Settings;
using ControlPlane.Domains.Visits;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Conditions;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Fleets;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains.Reading;

/// <summary>Reads what a page of domains is made of, in a fixed number of queries, and puts it together.</summary>
internal sealed class DomainViews(
    ControlPlaneDb db, Authorities authorities, IOptions<FleetOptions> options, TimeProvider time)
{
    public async Task<DomainView> OneAsync(Domain domain, CancellationToken ct) => (await ManyAsync([domain], ct))[0];

    /// <summary>The answer to a request whose conditions the domain does not meet; null when it may go on. To change
    /// something, ask with the domain's row locked: of two who hold the same tag, the second finds another.</summary>
    public async Task<IResult?> PreconditionAsync(HttpContext context, Domain domain) =>
        Preconditions.AreGiven(context.Request)
            ? Preconditions.Answer(context, DomainTag.Of(await OneAsync(domain, CancellationToken.None)))
            : null;

    public async Task<IReadOnlyList<DomainView>> ManyAsync(IReadOnlyList<Domain> domains, CancellationToken ct)
    {
        var ids = domains.Select(domain => domain.Id).ToList();
        var tenants = domains.Select(domain => domain.TenantId).Distinct().ToList();
        var fleets = domains.Select(domain => domain.FleetId).Distinct().ToList();
        var names = await db.Tenants.AsNoTracking().Where(row => tenants.Contains(row.Id))
            .ToDictionaryAsync(row => row.Id, row => row.Name, ct);
        var served = await db.Fleets.AsNoTracking().Where(row => fleets.Contains(row.Id))
            .ToDictionaryAsync(row => row.Id, ct);
        var all = (await db.Orders.AsNoTracking().Where(row => ids.Contains(row.DomainId)).ToListAsync(ct))
            .ToLookup(row => row.DomainId);
        var orders = all.ToDictionary(group => group.Key, group => group.MaxBy(row => row.Sequence)!);
        var desired = await db.DesiredState.AsNoTracking()
            .Where(row => ids.Contains(row.DomainId) && row.BundleId != null)
            .ToDictionaryAsync(row => row.DomainId, row => row.BundleId!.Value, ct);
        var wanted = domains.Select(domain => domain.ActiveBundleId).OfType<Guid>()
            .Concat(orders.Values.Select(order => order.BundleId).OfType<Guid>()).Concat(desired.Values).Distinct()
            .ToList();
        var bundles = await db.Bundles.AsNoTracking().Where(row => wanted.Contains(row.Id))
            .ToDictionaryAsync(row => row.Id, ct);
        var nodes = (await db.Nodes.AsNoTracking()
            .Where(row => fleets.Contains(row.FleetId)
                && (row.Standing == NodeStanding.Serving || row.Standing == NodeStanding.Lost))
            .ToListAsync(ct)).ToLookup(row => row.FleetId);
        var observations = (await db.NodeObservations.AsNoTracking().Where(row => ids.Contains(row.DomainId))
            .ToListAsync(ct)).ToLookup(row => row.DomainId);
        var validations = await ValidationView.ReadAsync(db, authorities, orders.Values, ct);

        return
        [
            .. domains.Select(domain => Build(new DomainFacts(
                domain, names[domain.TenantId], served[domain.FleetId], orders.GetValueOrDefault(domain.Id),
                Find(desired.TryGetValue(domain.Id, out var published) ? published : null),
                Find(orders.GetValueOrDefault(domain.Id)?.BundleId) ?? Find(domain.ActiveBundleId),
                [.. nodes[domain.FleetId]], [.. observations[domain.Id]],
                orders.TryGetValue(domain.Id, out var newest) ? validations.GetValueOrDefault(newest.Id) : null),
                all[domain.Id])),
        ];

        Bundle? Find(Guid? id) => id is { } known ? bundles.GetValueOrDefault(known) : null;
    }

    private DomainView Build(DomainFacts facts, IEnumerable<Order> orders)
    {
        var (domain, order) = (facts.Domain, facts.Order);
        var reason = facts.Reason();
        var records = DnsRecords.For(domain, FleetWay.Of(facts.Fleet, options.Value), facts.NeedsProof);
        return new DomainView
        {
            Id = domain.Id,
            TenantId = domain.TenantId,
            Tenant = facts.Tenant,
            FleetId = domain.FleetId,
            Fleet = facts.Fleet.Name,
            Hostname = domain.Hostname,
            KeyAlgorithm = KeyAlgorithms.Word(domain.KeyAlgorithm),
            Tls = new TlsView(domain.TlsMinimum),
            CertificateAuthority = domain.CertificateAuthority,
            Metadata = domain.Metadata,
            Status = facts.Status(),
            WaitingOn = reason?.WaitingOn ?? WaitingOn.None,
            Reason = reason is null
                ? null
                : new ReasonView(
                    reason.Code, reason.Title,
                    domain.IsAway ? Leave.Sentence(domain) : order?.ReasonDetail ?? reason.Title, reason.Page),
            Fix = facts.Fix(records),
            Findings = [.. (order?.Findings ?? []).Select(FindingView.Of)],
            DnsRecords = records,
            Ownership = facts.Ownership(),
            Certificate = new CertificateStatusView(
                facts.CertificateStatus(), facts.Newest?.Serial, facts.Newest?.Fingerprint, facts.Newest?.Issuer,
                facts.Newest?.NotAfter, order?.CaToShow),
            ExpiresAt = domain.ExpiresAt,
            Renewal = RenewalView.Of(domain),
            Delivery = facts.Delivery(),
            Validation = facts.Validation,
            NextCheckAt = order is not null && IssuancePath.HasStep(order.State) ? order.NextAttemptAt : null,
            CreatedAt = domain.CreatedAt,
            ActivatedAt = domain.ActivatedAt,
            TimeToActive = TimeToActive.Of(domain, orders, time.GetUtcNow()),
            DeletedAt = domain.DeletedAt,
            Dns = new DnsWatchView(
                domain.DnsAwaySince, domain.DnsFailedLooks, domain.RenewalsStoppedAt,
                domain.Status == DomainStatus.Active ? domain.DnsLookDueAt : null),
            DeletionReceipt = domain.DeletionReceipt,
        };
    }
}

/// <summary>Which domains a caller may see.</summary>
internal static class Visibility
{
    public static IQueryable<Domain> VisibleTo(this IQueryable<Domain> domains, Caller caller) =>
        caller.Role == ApiRole.Portal ? domains.Where(domain => domain.TenantId == caller.TenantId) : domains;

    /// <summary>One domain to read, or null: what belongs to another tenant is as absent as what never was.</summary>
    public static Task<Domain?> FindVisibleAsync(
        this IQueryable<Domain> domains, Guid id, Caller caller, CancellationToken ct) =>
        domains.AsNoTracking().VisibleTo(caller).SingleOrDefaultAsync(domain => domain.Id == id, ct);

    /// <summary>One domain to change, its row locked against others who would, and not against who refers to it; or
    /// null.</summary>
    public static Task<Domain?> LockAsync(this ControlPlaneDb db, Guid id, Caller caller) =>
        db.Domains.Locked(id).VisibleTo(caller).SingleOrDefaultAsync(CancellationToken.None);
}

/// <summary>How kinds of key are written on the wire.</summary>
internal static class KeyAlgorithms
{
    public static readonly IReadOnlyDictionary<string, KeyAlgorithm> ByWord =
        Enum.GetValues<KeyAlgorithm>().ToDictionary(Word, StringComparer.Ordinal);

    public static string Word(KeyAlgorithm algorithm)
    {
        var name = algorithm.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }
}
