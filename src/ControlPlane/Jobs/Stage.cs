using ControlPlane.Database;
using ControlPlane.Domains;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Jobs;

/// <summary>
/// One stage of the path: drains the orders that are due in one state, in parallel within a bound, on every replica. It
/// looks when it is woken, when the next order it knows of falls due, and when the clustered schedule fires.
/// </summary>
internal sealed partial class Stage(
    OrderState state,
    WakeSignal wake,
    IDbContextFactory<ControlPlaneDb> databases,
    OrderRunner runner,
    TimeProvider time,
    IOptions<JobOptions> options,
    ILogger<Stage> log) : BackgroundService
{
    /// <summary>Longest sleep without a wake: the clustered schedule fires more often anyway.</summary>
    private static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);

    /// <summary>Shortest sleep: an order that is due but was passed over is locked by someone for a moment.</summary>
    private static readonly TimeSpan ShortestSleep = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _slots = new(options.Value.Parallelism, options.Value.Parallelism);
    private readonly TimeSpan _lease = options.Value.Lease;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var sleep = AfterFault;
            try
            {
                sleep = await DrainAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                // The database is away. Orders keep their place; nothing is lost by looking again in a moment.
                LogDrainFailed(fault, state);
            }

            await wake.WaitAsync(sleep, stoppingToken);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        // Steps under way end by their own time-outs; a lease that is not given back runs out.
        for (var slot = 0; slot < options.Value.Parallelism; slot++)
        {
            await _slots.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Starts everything that is due; returns how long there is nothing more to do.</summary>
    private async Task<TimeSpan> DrainAsync(CancellationToken ct)
    {
        while (true)
        {
            var free = await TakeSlotsAsync(ct);
            IReadOnlyList<Order> claimed = [];
            var claimedAt = time.GetTimestamp();
            try
            {
                claimed = await ClaimAsync(free, ct);
            }
            finally
            {
                if (claimed.Count < free)
                {
                    _slots.Release(free - claimed.Count);
                }
            }

            foreach (var order in claimed)
            {
                // On a thread of its own: up to its first wait a step would hold up all that were claimed after it.
                _ = Task.Run(() => RunAsync(order, claimedAt, ct), CancellationToken.None);
            }

            if (claimed.Count < free)
            {
                return await UntilNextAsync(ct);
            }
        }
    }

    private async Task RunAsync(Order order, long claimedAt, CancellationToken ct)
    {
        try
        {
            await runner.RunAsync(order, _lease, claimedAt, ct);
        }
        catch (Exception fault)
        {
            LogRunFailed(fault, order.Id);
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task<int> TakeSlotsAsync(CancellationToken ct)
    {
        await _slots.WaitAsync(ct);
        var taken = 1;
        while (_slots.Wait(0, CancellationToken.None))
        {
            taken++;
        }

        return taken;
    }

    /// <summary>Takes up to <paramref name="most"/> due orders under a fresh lease, soonest first, those that came with
    /// a file after all others; one that is to be canceled is due whatever it waits for. SKIP LOCKED lets replicas pass
    /// each other instead of queueing.</summary>
    private async Task<IReadOnlyList<Order>> ClaimAsync(int most, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Orders.FromSql(
            $"""
             UPDATE orders SET lease_until = clock_timestamp() + {_lease}, lease_token = {Guid.NewGuid()}
             WHERE id IN (
                 SELECT id FROM orders
                 WHERE state = {state.ToString()}
                   AND (next_attempt_at <= {time.GetUtcNow()}
                       OR (cancel_requested_at IS NOT NULL AND state <> 'Canceling'))
                   AND (lease_until IS NULL OR lease_until < clock_timestamp())
                 ORDER BY in_bulk, next_attempt_at LIMIT {most} FOR UPDATE SKIP LOCKED)
             RETURNING *
             """).AsNoTracking().ToListAsync(ct);
    }

    private async Task<TimeSpan> UntilNextAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var next = await db.Database.SqlQuery<TimeSpan?>(
            $"""
             SELECT min(greatest(next_attempt_at - {time.GetUtcNow()}, lease_until - clock_timestamp())) AS "Value"
             FROM orders WHERE state = {state.ToString()} AND next_attempt_at IS NOT NULL
             """).SingleAsync(ct);
        return next is not { } until || until > LongestSleep ? LongestSleep
            : until < ShortestSleep ? ShortestSleep : until;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Stage {State} could not look for due orders")]
    private partial void LogDrainFailed(Exception fault, OrderState state);

    [LoggerMessage(Level = LogLevel.Error, Message = "Order {Order} could not be worked on; its lease will run out")]
    private partial void LogRunFailed(Exception fault, Guid order);
}
