using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Imports.Working;

/// <summary>Counts what became of an import's rows, and ends it when none is left.</summary>
internal static class ImportEnd
{
    /// <summary>Who ends the last row counts after it, and so sees all; whoever counted before that comes too late to
    /// an import that has its end.</summary>
    public static Task SettleAsync(ControlPlaneDb db, Guid import, DateTimeOffset now, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync(
            $"""
             UPDATE imports SET registered = counted.registered, unchanged = counted.unchanged,
                 refused = counted.refused, canceled = counted.canceled, worked_at = {now},
                 finished_at = CASE WHEN counted.pending = 0 THEN {now} END
             FROM (
                 SELECT count(*) FILTER (WHERE outcome = 'Registered') AS registered,
                     count(*) FILTER (WHERE outcome = 'Unchanged') AS unchanged,
                     count(*) FILTER (WHERE outcome = 'Refused') AS refused,
                     count(*) FILTER (WHERE outcome = 'Canceled') AS canceled,
                     count(*) FILTER (WHERE outcome = 'Pending') AS pending
                 FROM import_rows WHERE import_id = {import}) counted
             WHERE id = {import} AND finished_at IS NULL
             """,
            ct);

    /// <summary>Waits for the rows that are being registered; the others are canceled.</summary>
    public static async Task CancelAsync(ControlPlaneDb db, Guid import, DateTimeOffset now, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var running = await db.Database.ExecuteSqlAsync(
            $"UPDATE imports SET canceled_at = {now} WHERE id = {import} AND finished_at IS NULL", ct);
        if (running == 1)
        {
            await db.ImportRows.Where(row => row.ImportId == import && row.Outcome == ImportOutcome.Pending)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.Outcome, ImportOutcome.Canceled), ct);
            await SettleAsync(db, import, now, ct);
        }

        await transaction.CommitAsync(ct);
    }
}
