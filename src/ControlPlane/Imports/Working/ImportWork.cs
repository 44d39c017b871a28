using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Imports.Working;

/// <summary>Gives every import that is under way its turn, round and round, on every replica that runs jobs. It looks
/// when a file was taken in here, and every few seconds for files that other replicas took in.</summary>
internal sealed partial class ImportWork(
    IDbContextFactory<ControlPlaneDb> databases, ImportTurn turns, ImportBell bell, ILogger<ImportWork> log)
    : BackgroundService
{
    /// <summary>Turns of one look: more imports than these wait for the next.</summary>
    private const int MostTurns = 20;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(3);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var worked = 0;
            try
            {
                worked = await LookAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                // The database is away. Rows stay as they are.
                LogFailed(fault);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            if (worked == 0)
            {
                await bell.Signal.WaitAsync(BetweenLooks, stoppingToken);
            }
        }
    }

    /// <returns>How many rows were worked on; none when there is nothing to do, others do it, or something has
    /// surprised, which mostly is a database that has its own troubles and is better left in peace.</returns>
    private async Task<int> LookAsync(CancellationToken ct)
    {
        List<Guid> due;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            due = await db.Imports.Where(row => row.FinishedAt == null)
                .OrderBy(row => row.WorkedAt != null).ThenBy(row => row.WorkedAt)
                .Select(row => row.Id).Take(MostTurns).ToListAsync(ct);
        }

        var worked = 0;
        var surprised = false;
        foreach (var import in due)
        {
            var end = await turns.RunAsync(import, ct);
            worked += end.Worked;
            surprised |= end.Surprised;
        }

        return surprised ? 0 : worked;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Imports could not be worked on; the next look goes on")]
    private partial void LogFailed(Exception fault);
}

/// <summary>Rung when a file was taken in.</summary>
internal sealed class ImportBell(TimeProvider time)
{
    public WakeSignal Signal { get; } = new(time);
}
