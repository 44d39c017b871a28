using ControlPlane.Nodes.Access;
using Npgsql;

namespace ControlPlane.Nodes.Publishing;

/// <summary>
/// Hears what other replicas publish, on one connection of its own outside the pool. After each connect everyone is
/// woken and every cached key forgotten, because what was said while nobody listened is gone.
/// </summary>
internal sealed partial class DesiredStateListener(
    IConfiguration configuration,
    DesiredStateWaiters waiters,
    NodeKeyCache keys,
    TimeProvider time,
    ILogger<DesiredStateListener> log) : BackgroundService
{
    /// <summary>Doubles from the first to the last: a restart of the database is noticed at once, an outage is not a
    /// storm.</summary>
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastPause = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(() => pause = FirstPause, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception lost) when (lost is NpgsqlException or IOException)
            {
                LogLost(lost, pause);
            }

            try
            {
                await Task.Delay(pause, time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            pause = pause * 2 < LastPause ? pause * 2 : LastPause;
        }
    }

    private async Task ListenAsync(Action connected, CancellationToken ct)
    {
        // KeepAlive asks every 10 s whether the server is still there: a silently cut connection would stay silent
        // forever.
        var settings = new NpgsqlConnectionStringBuilder(configuration.GetConnectionString("ControlPlane"))
        {
            Pooling = false,
            KeepAlive = 10,
            ApplicationName = "controlplane-listen",
        };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        connection.Notification += (_, said) => Hear(said.Channel, said.Payload);
        await connection.OpenAsync(ct);
        await using (var listen = new NpgsqlCommand(
            $"LISTEN {Channels.DesiredState}; LISTEN {Channels.NodeAccess}", connection))
        {
            await listen.ExecuteNonQueryAsync(ct);
        }

        connected();
        // Forgotten first: a poll that is woken asks for its key again.
        keys.Forget();
        waiters.WakeAll();
        while (true)
        {
            await connection.WaitAsync(ct);
        }
    }

    private void Hear(string channel, string payload)
    {
        if (channel == Channels.NodeAccess)
        {
            keys.Forget();
        }

        // A fleet alone, or followed by epoch and revision.
        var said = payload.Split(':');
        if (Guid.TryParse(said[0], out var fleet))
        {
            if (said.Length == 3 && long.TryParse(said[1], out var epoch) && long.TryParse(said[2], out var revision))
            {
                waiters.Wake(fleet, epoch, revision);
            }
            else
            {
                waiters.Wake(fleet);
            }
        }
        else
        {
            // Not ours, but a wake too many only costs a query.
            waiters.WakeAll();
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "No longer hearing the database's notifications; again in {Pause}")]
    private partial void LogLost(Exception lost, TimeSpan pause);
}
