using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Reading;

/// <summary>
/// Events in order and without gaps, for readers that go on from the last one they saw. Numbers are given when a row is
/// written, not when it is committed: an event is shown once no smaller number can appear any more. How that is known
/// stands in <c>migrations/015_webhooks.sql</c>.
/// </summary>
internal static class EventFeed
{
    /// <summary>The events that are settled. What is committed when this is called is among them, unless a transaction
    /// that began to write before is still open, anywhere on the server.</summary>
    /// <param name="db">Without a transaction.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task<IQueryable<DomainEvent>> SettledAsync(ControlPlaneDb db, CancellationToken ct)
    {
        await MarkAsync(db, ct);
        return db.Events.FromSql($"SELECT * FROM events WHERE id <= (SELECT events_settled())");
    }

    /// <summary>The number up to which they are settled.</summary>
    /// <param name="db">Without a transaction.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task<long> SettledToAsync(ControlPlaneDb db, CancellationToken ct)
    {
        await MarkAsync(db, ct);
        return await db.Database.SqlQuery<long>($"SELECT events_settled() AS \"Value\"").SingleAsync(ct);
    }

    private static Task<int> MarkAsync(ControlPlaneDb db, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT mark_events()", ct);
}
