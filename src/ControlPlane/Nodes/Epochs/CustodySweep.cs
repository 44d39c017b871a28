using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Renewing;
using ControlPlane.Http;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Epochs;

/// <summary>
/// After a restore a node may serve a newer certificate than this database remembers: its key is on the nodes, and not
/// in the vault. The rule:
/// <list type="number">
/// <item>The newer one is served on. The older is never delivered over it: the agent refuses it (<c>rollback</c>), and
/// says so with every fingerprint.</item>
/// <item>The domain stays active and says why it is not whole (<see cref="Reasons.NewerOnNodes"/>).</item>
/// <item>Custody is made whole in the background: a renewal is opened, whose key is in the vault again and whose
/// certificate is newer than both. A name is served all the while, so that it waits behind new domains (the renewals'
/// share of the CA's budget), a few names a turn, and one name once a day however its renewal ends.</item>
/// </list>
/// One node may be stolen and lie, and certificates cost: its word alone buys none. An epoch must have been raised a
/// short while ago, the bundle must be older than that, two nodes must show the same certificate (in a fleet where
/// fewer than two serve, all that do), and a fleet gets no more than <see cref="MostADay"/> renewals a day.
/// </summary>
internal sealed partial class CustodySweep(
    IDbContextFactory<ControlPlaneDb> databases, IWakes wakes, TimeProvider time, ILogger<CustodySweep> log) : ISweep
{
    /// <summary>A turn every minute: 1,200 names an hour, far below what the CA allows.</summary>
    private const int Most = 20;

    /// <summary>What two stolen nodes could cost at most. A backup is a day old, and fewer names than this are renewed
    /// in a day by a fleet of ten thousand; a larger loss takes days, and is served all the while.</summary>
    internal const int MostADay = 500;

    private static readonly TimeSpan Again = TimeSpan.FromDays(1);

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow();
        var found = await db.Database.SqlQuery<Found>(
            $"""
             WITH raised AS (
                 SELECT fleet_id, max(at) AS at FROM epoch_bumps WHERE collect_after > {now} GROUP BY fleet_id
             ), shown AS (
                 SELECT d.id, d.fleet_id, array_agg(node.id) AS nodes
                 FROM node_observations seen
                 JOIN domains d ON d.id = seen.domain_id AND d.status = 'Active'
                 JOIN raised ON raised.fleet_id = d.fleet_id
                 JOIN nodes node ON node.id = seen.node_id AND node.fleet_id = d.fleet_id
                     AND node.standing IN ('Serving', 'Lost') AND node.banned_at IS NULL
                 WHERE seen.state = 'Refused' AND seen.error_code = 'rollback'
                   AND seen.handshake_fingerprint IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM bundles WHERE fingerprint = seen.handshake_fingerprint)
                   AND NOT EXISTS (SELECT 1 FROM bundles WHERE domain_id = d.id AND created_at >= raised.at)
                   AND NOT EXISTS (
                       SELECT 1 FROM orders o WHERE o.domain_id = d.id
                         AND ((o.closed_at IS NULL AND o.state <> 'Active')
                              OR (o.kind = 'Renewal' AND o.created_at > {now - Again})))
                 GROUP BY d.id, d.fleet_id, seen.handshake_fingerprint
             )
             SELECT id AS "Id", fleet_id AS "FleetId" FROM shown
             WHERE cardinality(nodes) >= 2 OR NOT EXISTS (
                 SELECT 1 FROM nodes other WHERE other.fleet_id = shown.fleet_id AND other.standing = 'Serving'
                   AND other.banned_at IS NULL AND other.id <> ALL (shown.nodes))
             ORDER BY random() LIMIT {Most}
             """).ToListAsync(ct);
        List<Guid> names = [];
        foreach (var fleet in found.Distinct().GroupBy(name => name.FleetId, name => name.Id))
        {
            // A fleet whose turn never comes would starve behind a capped one: the sample above is drawn by lot.
            var room = MostADay - await db.Events.CountAsync(
                told => told.Type == EventTypes.NewerOnNodes && told.At > now - Again
                    && db.Domains.Any(domain => domain.Id == told.DomainId && domain.FleetId == fleet.Key), ct);
            names.AddRange(fleet.Take(Math.Max(room, 0)));
            if (room < fleet.Count())
            {
                await TellCappedAsync(db, fleet.Key, now, ct);
            }
        }

        foreach (var name in names)
        {
            await RenewAsync(name, ct);
        }

        if (names.Count > 0)
        {
            wakes.Wake(OrderState.PendingDns);
        }
    }

    /// <summary>Once a day.</summary>
    private async Task TellCappedAsync(ControlPlaneDb db, Guid fleet, DateTimeOffset now, CancellationToken ct)
    {
        var name = await db.Fleets.Where(row => row.Id == fleet).Select(row => row.Name).SingleAsync(ct);
        var message = $"Fleet {name}: {MostADay} renewals were opened within a day for certificates that only nodes "
            + "know. The rest waits for tomorrow. If no restore explains it, nodes lie: see GET /v1/nodes.";
        if (await db.Events.AnyAsync(
            told => told.Type == EventTypes.CustodyCapped && told.Message == message && told.At > now - Again, ct))
        {
            return;
        }

        db.Events.Add(new DomainEvent { At = now, Type = EventTypes.CustodyCapped, Message = message });
        await db.SaveChangesAsync(ct);
        LogCapped(name, MostADay);
    }

    private async Task RenewAsync(Guid id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        // As a deletion locks it: one that came first is seen, one that comes later finds the renewal.
        var domain = await db.Domains.Locked(id).SingleAsync(ct);
        var open = await db.Orders.Where(order => order.DomainId == id && order.ClosedAt == null).ToListAsync(ct);
        if (domain.Status != DomainStatus.Active || open.Any(order => order.State != OrderState.Active))
        {
            return;
        }

        const string Detail = "Its key is not in this vault. It is served on; a renewal is under way behind it.";
        var now = time.GetUtcNow();
        foreach (var served in open)
        {
            served.WaitFor(Reasons.NewerOnNodes, Detail, now);
        }

        SuccessorOrder.Open(
            db, domain, $"{Reasons.NewerOnNodes.Title} {Detail}", now, EventTypes.NewerOnNodes);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        LogRenewed(domain.Hostname);
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Hostname} is served with a newer certificate than this database knows; a renewal is opened")]
    private partial void LogRenewed(string hostname);

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "ALARM: fleet {Fleet} had {Most} renewals within a day for certificates that only nodes know; the "
            + "rest waits")]
    private partial void LogCapped(string fleet, int most);

    private sealed record Found(Guid Id, Guid FleetId);
}
