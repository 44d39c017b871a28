using ControlPlane.Database;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Probing;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Fleets;
using ControlPlane.TokenStore;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains.Leaving;

/// <summary>
/// Looks at the DNS of active names, about once a day each and spread over it. One that leads elsewhere is served on,
/// and told at once; after a week of it (<see cref="Leave"/>) it is not renewed any more, because the CA would refuse,
/// and because an order costs money. Coming back undoes all of it. What could not be asked counts as nothing.
/// </summary>
internal sealed class LeaveWatch(
    Resolvers resolvers, PublicProbe probe, IDbContextFactory<ControlPlaneDb> databases,
    IOptions<FleetOptions> options, TimeProvider time) : ISweep
{
    /// <summary>Per turn of half a minute: 576,000 looks a day.</summary>
    private const int Most = 200;

    /// <summary>At once; resolvers of a small site must not notice.</summary>
    private const int AtOnce = 8;

    private enum Way
    {
        Here,
        Elsewhere,
        Unknown,
    }

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow();
        // New ones, and all of them after an upgrade, are spread over a day instead of being looked at in one minute.
        await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE domains SET dns_look_due_at = {now} + random() * {Leave.BetweenLooks}
             WHERE id IN (SELECT id FROM domains WHERE status = 'Active' AND dns_look_due_at IS NULL LIMIT 5000)
             """,
            ct);
        var due = await db.Domains.AsNoTracking()
            .Where(domain => domain.Status == DomainStatus.Active && domain.DnsLookDueAt <= now)
            .OrderBy(domain => domain.DnsLookDueAt).Take(Most).ToListAsync(ct);
        await Parallel.ForEachAsync(
            due, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
            async (domain, cancel) => await LookAsync(domain, cancel));
    }

    private async Task LookAsync(Domain domain, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var order = await db.Orders.AsNoTracking().Where(row => row.DomainId == domain.Id)
            .OrderByDescending(row => row.Sequence).FirstAsync(ct);
        // While an order is under way its own step looks, and a probe would stand in the way of its token.
        var way = order.State is OrderState.Active or OrderState.Failed
            ? await WayOfAsync(db, domain, order, ct)
            : Way.Unknown;
        var now = time.GetUtcNow();
        await (way switch
        {
            Way.Here => WriteAsync(db, domain, null, 0, null, now + Spread(Leave.BetweenLooks), now, ct),
            Way.Elsewhere => WriteAwayAsync(db, domain, now, ct),
            _ => WriteAsync(
                db, domain, domain.DnsAwaySince, domain.DnsFailedLooks, domain.RenewalsStoppedAt,
                now + Spread(Leave.Later), now, ct),
        });
    }

    private async Task<Way> WayOfAsync(ControlPlaneDb db, Domain domain, Order order, CancellationToken ct)
    {
        var answers = await resolvers.AddressesAsync(domain.Hostname, ct);
        var way = new NameWay(
            domain, await FleetWays.ReadAsync(db, domain.FleetId, options.Value, ct), answers);
        if (!way.IsKnown || way.IsHere)
        {
            return way.IsHere ? Way.Here : Way.Unknown;
        }

        try
        {
            var probes = await probe.LookAsync(order, way.Foreign, ct);
            return probes.Count > 0 && probes.All(probed => probed.Arrived) ? Way.Here : Way.Elsewhere;
        }
        catch (TokenStoreException)
        {
            return Way.Unknown;
        }
    }

    private Task WriteAwayAsync(ControlPlaneDb db, Domain domain, DateTimeOffset now, CancellationToken ct)
    {
        var (since, looks) = (domain.DnsAwaySince ?? now, domain.DnsFailedLooks + 1);
        var stopped = domain.RenewalsStoppedAt ?? (Leave.IsFinal(since, looks, now) ? now : null);
        return WriteAsync(db, domain, since, looks, stopped, now + Spread(Leave.BetweenLooksAway), now, ct);
    }

    /// <summary>Written when nobody looked meanwhile and the domain is still active; what it means is told in the same
    /// transaction.</summary>
    private static async Task WriteAsync(
        ControlPlaneDb db, Domain domain, DateTimeOffset? awaySince, int failedLooks, DateTimeOffset? stoppedAt,
        DateTimeOffset due, DateTimeOffset now, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var written = await db.Domains
            .Where(row => row.Id == domain.Id && row.Status == DomainStatus.Active
                && row.DnsLookDueAt == domain.DnsLookDueAt)
            .ExecuteUpdateAsync(
                set => set.SetProperty(row => row.DnsAwaySince, awaySince)
                    .SetProperty(row => row.DnsFailedLooks, failedLooks)
                    .SetProperty(row => row.RenewalsStoppedAt, stoppedAt)
                    .SetProperty(row => row.DnsLookDueAt, due),
                ct);
        if (written > 0 && Told(domain, awaySince, stoppedAt) is var (type, message))
        {
            db.Events.Add(new DomainEvent
            {
                At = now,
                TenantId = domain.TenantId,
                DomainId = domain.Id,
                Type = type,
                Message = message,
            });
            await db.SaveChangesAsync(ct);
        }

        await transaction.CommitAsync(ct);
    }

    private static (string Type, string Message)? Told(
        Domain before, DateTimeOffset? awaySince, DateTimeOffset? stoppedAt) => (before, awaySince, stoppedAt) switch
        {
            ({ DnsAwaySince: null }, { } since, _) => (EventTypes.DomainMovedAway,
                $"{before.Hostname} leads elsewhere now. It is served on; if it still does after "
                + $"{Leave.Day(since + Leave.After)}, it is not renewed any more."),
            ({ DnsAwaySince: not null }, null, _) => (EventTypes.DomainCameBack, before.RenewalsStoppedAt is null
                ? $"{before.Hostname} leads here again."
                : $"{before.Hostname} leads here again, and is renewed again."),
            ({ RenewalsStoppedAt: null }, { } since, not null) => (EventTypes.DomainRenewalsStopped,
                $"{before.Hostname} has led elsewhere since {Leave.Day(since)} and is not renewed any more. It is "
                + "served until its certificate ends."),
            _ => null,
        };

    /// <summary>± 10 %, so that names do not gather.</summary>
    private static TimeSpan Spread(TimeSpan interval) => interval * (0.9 + (Random.Shared.NextDouble() * 0.2));
}
