using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>
/// Tells waiting orders that there is news: makes them due now. Works while a step holds the lease, too: the step that is about to
/// wait sees that the count has risen since it read the row, and looks again instead.
/// </summary>
internal static class OrderNudge
{
    /// <summary>Nudges the orders of these domains that are in <paramref name="state"/>; returns how many there were.</summary>
    public static Task<int> NudgeAsync(
        this ControlPlaneDb db,
        OrderState state,
        IReadOnlyCollection<Guid> domains,
        DateTimeOffset now,
        CancellationToken ct)
    {
        var ids = domains as Guid[] ?? [.. domains];
        return db.Database.ExecuteSqlAsync(
            $"""
             UPDATE orders SET nudges = nudges + 1, next_attempt_at = least(next_attempt_at, {now})
             WHERE state = {state.ToString()} AND domain_id = ANY ({ids}) AND next_attempt_at IS NOT NULL
             """,
            ct);
    }

    /// <summary>Nudges every order of a fleet in <paramref name="state"/>: its nodes' standing has changed.</summary>
    public static Task<int> NudgeFleetAsync(
        this ControlPlaneDb db, OrderState state, Guid fleet, DateTimeOffset now, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync(
            $"""
             UPDATE orders SET nudges = nudges + 1, next_attempt_at = least(next_attempt_at, {now})
             FROM domains WHERE domains.id = orders.domain_id AND domains.fleet_id = {fleet}
               AND state = {state.ToString()} AND next_attempt_at IS NOT NULL
             """,
            ct);
}
