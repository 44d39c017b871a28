using ControlPlane.Contracts;
using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Epochs;

/// <summary>What a name was in a time that a restore has taken from this database.</summary>
internal enum ForgottenPast
{
    /// <summary>Nothing: nothing was forgotten, or all witnesses are heard and none knows the name.</summary>
    None,

    /// <summary>In use, and nobody here knows for whom: a node serves it, or the CA has an order of ours for it. So is
    /// every name while a node serves more of them than it can tell.</summary>
    InUse,

    /// <summary>The CA or a serving node has not told yet.</summary>
    NotTold,
}

/// <summary>
/// Whoever merely points a forgotten name here may be a thief; a node that lies can make any name a forgotten one, and
/// gains no more than that a TXT record is asked for.
/// </summary>
internal static class ForgottenNames
{
    /// <summary>What the witnesses say of a name that is about to be registered.</summary>
    public static async Task<ForgottenPast> LookAsync(
        ControlPlaneDb db, string hostname, DateTimeOffset now, CancellationToken ct) =>
        await IsListedAsync(db, hostname, ct) ? ForgottenPast.InUse
        : await db.EpochBumps.AnyAsync(bump => bump.CollectAfter > now || bump.CaListedAt == null, ct)
            ? await OfWitnessesAsync(db, now, ct)
            : ForgottenPast.None;

    /// <summary>The same of one that is registered: where the database remembers the registration, nothing was
    /// forgotten.</summary>
    public static async Task<ForgottenPast> LookAgainAsync(
        ControlPlaneDb db, string hostname, DateTimeOffset registeredAt, DateTimeOffset now, CancellationToken ct) =>
        await db.EpochBumps.AnyAsync(bump => bump.DatabaseEndsAt < registeredAt, ct)
            ? await LookAsync(db, hostname, now, ct)
            : ForgottenPast.None;

    private static Task<bool> IsListedAsync(ControlPlaneDb db, string hostname, CancellationToken ct) =>
        db.FoundCaOrders.Select(row => row.Hostname)
            .Concat(db.NodeStrays
                .Where(row => db.Nodes.Any(
                    node => node.Id == row.NodeId && node.Standing != NodeStanding.Retired))
                .Select(row => row.Hostname))
            .AnyAsync(listed => listed == hostname, ct);

    /// <summary>A node that stays silent becomes Lost and is not waited for: others serve the same.</summary>
    private static async Task<ForgottenPast> OfWitnessesAsync(
        ControlPlaneDb db, DateTimeOffset now, CancellationToken ct)
    {
        var witnesses =
            from node in db.Nodes
            join fleet in db.Fleets on node.FleetId equals fleet.Id
            where node.BannedAt == null && db.EpochBumps.Any(
                bump => bump.FleetId == fleet.Id && bump.CollectAfter > now)
            select new { node.Standing, node.Strays, HasTold = node.StraysEpoch == fleet.Epoch };
        if (await witnesses.AnyAsync(
            node => node.Standing != NodeStanding.Retired && node.HasTold && node.Strays > Routes.MaxStrays, ct))
        {
            return ForgottenPast.InUse;
        }

        return await db.EpochBumps.AnyAsync(bump => bump.CaListedAt == null, ct)
            || await witnesses.AnyAsync(node => node.Standing == NodeStanding.Serving && !node.HasTold, ct)
                ? ForgottenPast.NotTold
                : ForgottenPast.None;
    }
}
