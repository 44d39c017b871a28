using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Epochs;

/// <summary>
/// After an epoch was raised each CA is asked once for what was ordered since the moment this database remembers. An
/// order that carries an id of our making and has no row here is recorded, for people and for whoever registers the
/// name again; nothing cancels it. One whose row is here needs nothing: its own step looks it up before it buys.
/// </summary>
internal sealed partial class LostOrderSweep(
    Authorities authorities,
    IDbContextFactory<ControlPlaneDb> databases,
    TimeProvider time,
    ILogger<LostOrderSweep> log) : ISweep
{
    /// <summary>What this database remembers last is not quite sure: jobs may have run over it before anybody noticed.
    /// A month of orders is a few pages.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromDays(30);

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var unlisted = await db.EpochBumps.Where(bump => bump.CaListedAt == null).ToListAsync(ct);
        if (unlisted.Count == 0)
        {
            return;
        }

        var since = unlisted.Min(bump => bump.DatabaseEndsAt) - Margin;
        var now = time.GetUtcNow();
        foreach (var ca in authorities.All)
        {
            LogListed(ca.Name, since, await ListAsync(db, ca, since, now, ct));
        }

        unlisted.ForEach(bump => bump.CaListedAt = now);
        await db.SaveChangesAsync(ct);
    }

    /// <returns>How many have no row here.</returns>
    private async Task<int> ListAsync(
        ControlPlaneDb db, ICertificateAuthority ca, DateTimeOffset since, DateTimeOffset now, CancellationToken ct)
    {
        var found = 0;
        foreach (var order in await ca.PlacedSinceAsync(since, async ids => await UnknownAsync(db, ca, ids, ct), ct))
        {
            if (await db.Orders.AnyAsync(row => row.Id == order.Order, ct))
            {
                continue;
            }

            found++;
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO found_ca_orders (ca, ca_order_id, order_id, hostname, status, found_at)
                 VALUES ({ca.Name}, {order.CaOrderId}, {order.Order}, {order.Hostname}, {order.StatusWord}, {now})
                 ON CONFLICT (ca_order_id) DO UPDATE SET status = excluded.status, found_at = excluded.found_at
                 """,
                ct);
            LogFound(order.CaOrderId, order.Hostname, order.StatusWord);
        }

        return found;
    }

    /// <summary>Those of a page that no order here has: each of them costs a call.</summary>
    private static async Task<IReadOnlySet<string>> UnknownAsync(
        ControlPlaneDb db, ICertificateAuthority ca, IReadOnlyList<string> ids, CancellationToken ct)
    {
        var known = await db.Orders.Where(order => order.Ca == ca.Name && ids.Contains(order.CaOrderId!))
            .Select(order => order.CaOrderId!)
            .Union(db.CaOrdersSeen.Where(seen => ids.Contains(seen.CaOrderId)).Select(seen => seen.CaOrderId))
            .ToHashSetAsync(ct);
        return ids.Where(id => !known.Contains(id)).ToHashSet(StringComparer.Ordinal);
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "CA order {CaOrder} for {Hostname} ({Status}) is ours and has no row here")]
    private partial void LogFound(string caOrder, string hostname, string status);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Listed what was ordered at {Ca} since {Since:u}: {Found} without a row")]
    private partial void LogListed(string ca, DateTimeOffset since, int found);
}
