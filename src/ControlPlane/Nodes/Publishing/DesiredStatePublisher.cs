using System.Threading.Channels;
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

    private readonly Channel<bool> _wakes =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Wake() => _wakes.Writer.TryWrite(true);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.WhenAll(PublishAsync(stoppingToken), TickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task PublishAsync(CancellationToken ct)
    {
        while (await _wakes.Reader.WaitToReadAsync(ct))
        {
            // Taken before the read: a wake that comes while we publish starts another round.
            _wakes.Reader.TryRead(out _);
            try
            {
                foreach (var batch in await PublishBatch.RunAsync(database, time, ct))
                {
                    waiters.Wake(batch.Fleet);
                    LogPublished(batch.Fleet, batch.Revision, batch.Changes);
                }
            }
            catch (NpgsqlException away)
            {
                // The changes stay in their table; the next tick tries again, which is soon enough for a database to
                // return.
                LogFailed(away);
            }

            // The first change of a burst goes out at once; those of the next 20 ms share the following revision.
            await Task.Delay(Coalesce, time, ct);
        }
    }

    private async Task TickAsync(CancellationToken ct)
    {
        using var timer = new PeriodicTimer(Guarantee, time);
        do
        {
            Wake();
        }
        while (await timer.WaitForNextTickAsync(ct));
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Fleet {Fleet} is at revision {Revision}: {Changes} changes")]
    private partial void LogPublished(Guid fleet, long revision, long changes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Desired state could not be published; tried again in 5 s")]
    private partial void LogFailed(Exception away);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The publisher stops")]
    private partial void LogStopped();
}
