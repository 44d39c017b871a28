using ControlPlane.Domains;
using Npgsql;

namespace ControlPlane.Jobs;

/// <summary>
/// Rings the stages: here at once, and on the other replicas by NOTIFY, gathered for 50 ms so that a thousand moves
/// cost a few notifications. Listens for theirs on a connection of its own.
/// </summary>
internal sealed partial class Wakes : BackgroundService, IWakes
{
    private const string Channel = "order_wake";
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Reconnect = TimeSpan.FromSeconds(2);

    /// <summary>A dead peer is noticed within this: LISTEN alone would wait for ever.</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(30);

    private readonly Dictionary<OrderState, WakeSignal> _signals;
    private readonly WakeSignal _outbox;
    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _time;
    private readonly ILogger<Wakes> _log;
    private readonly string _self = Guid.NewGuid().ToString("N");
    private int _pending;

    public Wakes(NpgsqlDataSource database, TimeProvider time, ILogger<Wakes> log)
    {
        (_database, _time, _log) = (database, time, log);
        _outbox = new WakeSignal(time);
        _signals = IssuancePath.Steps.ToDictionary(step => step.State, _ => new WakeSignal(time));
    }

    public WakeSignal SignalOf(OrderState state) => _signals[state];

    public void Wake(OrderState state)
    {
        if (_signals.TryGetValue(state, out var signal))
        {
            signal.Ring();
            Interlocked.Or(ref _pending, 1 << (int)state);
            _outbox.Ring();
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(ForeverAsync(TellAsync, stoppingToken), ForeverAsync(ListenAsync, stoppingToken));

    private async Task ForeverAsync(Func<CancellationToken, Task> work, CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await work(ct);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                LogFault(fault);
                await Task.Delay(Reconnect, _time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task TellAsync(CancellationToken ct)
    {
        await _outbox.WaitAsync(Timeout.InfiniteTimeSpan, ct);
        await Task.Delay(Gathering, _time, ct);
        var states = Interlocked.Exchange(ref _pending, 0);
        if (states != 0)
        {
            await using var command = _database.CreateCommand("SELECT pg_notify($1, $2)");
            command.Parameters.Add(new() { Value = Channel });
            command.Parameters.Add(new() { Value = $"{_self}:{states}" });
            await command.ExecuteNonQueryAsync(ct);
        }
    }

    private async Task ListenAsync(CancellationToken ct)
    {
        await using var connection = await _database.OpenConnectionAsync(ct);
        connection.Notification += (_, told) => Hear(told.Payload);
        await using (var listen = new NpgsqlCommand($"LISTEN {Channel}", connection))
        {
            await listen.ExecuteNonQueryAsync(ct);
        }

        // What was told while nobody listened is not repeated: look everywhere once.
        foreach (var signal in _signals.Values)
        {
            signal.Ring();
        }

        while (true)
        {
            if (!await connection.WaitAsync(KeepAlive, ct))
            {
                await using var probe = new NpgsqlCommand("SELECT 1", connection);
                await probe.ExecuteNonQueryAsync(ct);
            }
        }
    }

    private void Hear(string payload)
    {
        var parts = payload.Split(':');
        if (parts.Length == 2 && parts[0] != _self && int.TryParse(parts[1], out var states))
        {
            foreach (var (state, signal) in _signals)
            {
                if ((states & (1 << (int)state)) != 0)
                {
                    signal.Ring();
                }
            }
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Wakes between replicas are interrupted; the schedule fires meanwhile")]
    private partial void LogFault(Exception fault);
}
