using ControlPlane.Jobs;
using Npgsql;

namespace ControlPlane.Nodes.Publishing;

/// <summary>
/// Publishes on a wake, at most once per 20 ms so that a burst shares a revision, and every 5 s whether woken or not: a
/// wake may die with the replica that was to give it. Runs on every replica; see <see cref="PublishBatch"/> for how
/// they take turns.
/// </summary>
internal sealed partial class DesiredStatePublisher(
    NpgsqlDataSource database,
    DesiredStateWaiters waiters,
    TimeProvider time,
    ILogger<DesiredStatePublisher> log) : BackgroundService, IDesiredStatePublisher
{
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Guarantee = TimeSpan.FromSeconds(5);

    private readonly WakeSignal _bell = new(time);

    public void Wake() => _bell.Ring();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                foreach (var batch in await PublishBatch.RunAsync(database, time, stoppingToken))
                {
                    waiters.Wake(batch.Fleet, batch.Epoch, batch.Revision);
                    LogPublished(batch.Fleet, batch.Revision, batch.Changes);
                }
            }
            catch (NpgsqlException away)
            {
                // The changes stay in their table; the next round tries again, which is soon enough for a database to
                // return.
                LogFailed(away);
            }

            // The first change of a burst goes out at once; those of the next 20 ms share the following revision.
            await Task.Delay(Coalesce, time, stoppingToken);
            await _bell.WaitAsync(Guarantee, stoppingToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Fleet {Fleet} is at revision {Revision}: {Changes} changes")]
    private partial void LogPublished(Guid fleet, long revision, long changes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Desired state could not be published; tried again in 5 s")]
    private partial void LogFailed(Exception away);
}
