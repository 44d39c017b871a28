using System.Collections.Concurrent;
using System.Threading.Channels;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;

namespace CertCentralSandbox.Validation;

/// <summary>
/// The CA's own initiative: polls tokens on <see cref="PollSchedule"/>, signs orders whose delay has passed, and
/// revokes what is due, all on the sandbox clock. An order needs no API call to become issued.
/// </summary>
internal sealed partial class PollEngine : BackgroundService
{
    /// <summary>Orders looked at together: enough that 300 names answer in seconds, few enough for two cores.</summary>
    private const int Parallel = 64;

    private readonly OrderBook _book;
    private readonly ControlCheck _check;
    private readonly Signing _signing;
    private readonly SandboxAddress _address;
    private readonly SandboxClock _clock;
    private readonly TimeProvider _wall;
    private readonly ILogger<PollEngine> _log;
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly Lock _gate = new();
    private readonly PriorityQueue<long, DateTimeOffset> _queue = new();
    private readonly Dictionary<long, DateTimeOffset> _due = [];
    private readonly ConcurrentDictionary<Task, bool> _running = new();
    private readonly SemaphoreSlim _slots = new(Parallel);

    public PollEngine(
        OrderBook book, ControlCheck check, Signing signing, SandboxAddress address, SandboxClock clock,
        TimeProvider wall, ILogger<PollEngine> log)
    {
        (_book, _check, _signing, _address, _clock, _wall, _log) = (book, check, signing, address, clock, wall, log);
        foreach (var order in book.All)
        {
            Schedule(order);
        }

        book.OnChanged(Schedule);
        clock.OnJump(Wake);
    }

    public override void Dispose()
    {
        _slots.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await _address.KnownAsync(stoppingToken); // orders that fell due while we were down are signed first thing
            while (true)
            {
                while (TakeDue() is { } id)
                {
                    await _slots.WaitAsync(stoppingToken);
                    var task = LookAsync(id, stoppingToken);
                    _running[task] = true;
                    _ = task.ContinueWith(t => _running.TryRemove(t, out _), TaskScheduler.Default);
                }

                await SleepAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAll(_running.Keys);
        }
    }

    private async Task LookAsync(long id, CancellationToken stopping)
    {
        await Task.Yield();
        try
        {
            var order = await _check.RunAsync(id, only: null, asked: false, stopping);
            if (order.NextRevocationAt <= _clock.Now)
            {
                order = _signing.RevokeDue(id);
            }

            Schedule(order);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            Stopped(_log, id);
        }
        catch (Exception e)
        {
            LookFailed(_log, id, e);
            Schedule(_book.Find(id)!);
        }
        finally
        {
            _slots.Release();
        }
    }

    private void Schedule(CertificateOrder order)
    {
        lock (_gate)
        {
            // Read again: two changes may arrive here in the other order than they were made.
            var due = DueAt(_book.Find(order.Id) ?? order, _clock.Now);
            if (due is null)
            {
                _due.Remove(order.Id);
                return;
            }

            if (_due.TryGetValue(order.Id, out var known) && known == due)
            {
                return;
            }

            _due[order.Id] = due.Value;
            _queue.Enqueue(order.Id, due.Value);
        }

        Wake();
    }

    private static DateTimeOffset? DueAt(CertificateOrder order, DateTimeOffset now)
    {
        var validation = order is { Awaited: not null, Status: not OrderStatus.NeedsApproval }
            ? order.Validation
            : null;
        var look = validation switch
        {
            null or { Stuck: true } => null,
            { IssueAt: { } at } => at,
            _ => PollSchedule.Next(validation.StartedAt, now),
        };
        var end = order.NextRevocationAt;
        return look is null || end < look ? end ?? look : look;
    }

    private long? TakeDue()
    {
        lock (_gate)
        {
            while (_queue.TryPeek(out var id, out var at) && at <= _clock.Now)
            {
                _queue.Dequeue();
                if (_due.TryGetValue(id, out var due) && due == at) // else: rescheduled since it was queued
                {
                    _due.Remove(id);
                    return id;
                }
            }

            return null;
        }
    }

    private async Task SleepAsync(CancellationToken stopping)
    {
        TimeSpan? wait;
        lock (_gate)
        {
            wait = _queue.TryPeek(out _, out var at) ? (at - _clock.Now) / _clock.Factor : null;
        }

        // A day at most: timers do not take more than 49, and a look at an empty queue costs nothing.
        var bounded = wait is { } w && w < TimeSpan.FromDays(1) ? w : TimeSpan.FromDays(1);
        using var alarm = new CancellationTokenSource(
            bounded > TimeSpan.FromMilliseconds(1) ? bounded : TimeSpan.FromMilliseconds(1), _wall);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, alarm.Token);
        try
        {
            await _wake.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return; // the alarm rang
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    [LoggerMessage(Level = LogLevel.Error, Message = "Order {Id}: the CA's own look failed")]
    private static partial void LookFailed(ILogger log, long id, Exception e);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Order {Id}: look ended by the program's end")]
    private static partial void Stopped(ILogger log, long id);
}
