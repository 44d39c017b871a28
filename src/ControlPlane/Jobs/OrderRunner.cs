using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Metrics;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Jobs;

/// <summary>Runs the step of one claimed order and records how it ended.</summary>
internal sealed partial class OrderRunner(
    IDbContextFactory<ControlPlaneDb> databases,
    IServiceProvider services,
    Authorities authorities,
    IWakes wakes,
    TimeProvider time,
    ILogger<OrderRunner> log)
{
    /// <summary>Phases a step may commit in one go before it must give others a turn.</summary>
    private const int MaxPhases = 12;

    /// <summary>Works on an order until it waits, moves or ends. Never throws, except that <paramref name="ct"/> stops
    /// it.</summary>
    public async Task RunAsync(Order order, TimeSpan lease, long claimedAt, CancellationToken ct)
    {
        var token = order.LeaseToken!.Value;
        var state = order.State;
        try
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            db.Attach(order);
            await db.Entry(order).Reference(row => row.Domain).LoadAsync(ct);
            await using var run = new OrderRun(order, db, authorities, time, lease, claimedAt);
            await RunStepAsync(run, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            await GiveBackAsync(order.Id, token);
        }
        catch (DbUpdateConcurrencyException)
        {
            // Another worker took the order over while we were away. Its word counts; ours is dropped.
            LogLeaseLost(order.Id, state);
            await RememberCaOrderAsync(order, ct);
            await GiveBackAsync(order.Id, token);
        }
        catch (Exception surprise)
        {
            LogSurprise(surprise, order.Id, state);
            await RecordSurpriseAsync(order.Id, state, token, surprise, ct);
        }
    }

    private async Task RunStepAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (order.CancelRequestedAt is not null && order.State != OrderState.Canceling)
        {
            await MoveAsync(run, OrderState.Canceling, run.Domain.WhyCanceled, ct);
            return;
        }

        var step = (IStep)services.GetRequiredService(IssuancePath.StepOf(order.State));
        for (var phase = 0; phase < MaxPhases; phase++)
        {
            // How it ended is recorded even while the program stops: an answer of the CA is worth more than a quick
            // end.
            switch (await AnswerAsync(step, run, ct))
            {
                case StepResult.Again:
                    continue;
                case StepResult.Advance advance:
                    await MoveAsync(run, advance.To, advance.Message, CancellationToken.None);
                    return;
                case StepResult.Cancel refused when !IssuancePath.Allows(order.State, OrderState.Failed):
                    // What is being canceled cannot be given up: the CA that refuses now may agree when its own work on
                    // the order is done.
                    await SnoozeAsync(
                        run,
                        new StepResult.Snooze(RetrySchedules.CaAway.At(order.Snoozes), refused.Reason, refused.Detail),
                        CancellationToken.None);
                    return;
                case StepResult.Cancel cancel:
                    await FailAsync(run, cancel, CancellationToken.None);
                    return;
                case StepResult.Snooze snooze:
                    await SnoozeAsync(run, snooze, CancellationToken.None);
                    return;
            }
        }

        throw new InvalidOperationException($"{step.GetType().Name} did not come to an end in {MaxPhases} phases.");
    }

    /// <summary>Runs one phase; what a foreign part said by exception becomes the answer it stands for.</summary>
    private static async Task<StepResult> AnswerAsync(IStep step, OrderRun run, CancellationToken ct)
    {
        try
        {
            return await step.RunAsync(run, ct);
        }
        catch (CertificateAuthorityException fault)
        {
            return CaAnswers.For(fault, run.Order);
        }
        catch (VaultException fault)
        {
            return new StepResult.Snooze(
                RetrySchedules.OwnPart.At(run.Order.Snoozes), Reasons.VaultNotReachable, fault.Message);
        }
    }

    private async Task MoveAsync(OrderRun run, OrderState to, string message, CancellationToken ct)
    {
        var (from, since) = (run.Order.State, run.Order.StateSince);
        if (!IssuancePath.HasStep(to) && from != OrderState.Canceling && await run.DeletionRequestedAsync(ct))
        {
            (to, message) = (OrderState.Canceling, run.Domain.WhyCanceled);
        }

        run.TellIfCustomerIsDone(to);
        run.Order.MoveTo(to, run.Now);
        run.Tell(EventTypes.OrderMoved, $"{from} → {to}: {message}");
        await run.ReleaseAsync($"Moved{to}", ct);
        Instruments.StageTime(from, run.Now - since);
        wakes.Wake(to);
    }

    private async Task FailAsync(OrderRun run, StepResult.Cancel cancel, CancellationToken ct)
    {
        var from = run.Order.State;
        if (await run.DeletionRequestedAsync(ct))
        {
            await MoveAsync(run, OrderState.Canceling, run.Domain.WhyCanceled, ct);
            return;
        }

        FailedRenewal.Fail(run, cancel);
        if (run.Domain.Status == DomainStatus.Pending)
        {
            run.Domain.Status = DomainStatus.Failed;
            run.Tell(EventTypes.DomainFailed, $"{cancel.Reason.Title} {cancel.Detail}".Trim());
        }

        run.Tell(EventTypes.OrderFailed, $"{from} → Failed: {cancel.Reason.Title} {cancel.Detail}");
        await run.ReleaseAsync("Failed", ct);
        LogFailed(run.Order.Id, run.Order.Hostname, cancel.Reason.Code);
    }

    private async Task SnoozeAsync(OrderRun run, StepResult.Snooze snooze, CancellationToken ct)
    {
        var order = run.Order;
        if (order.Reason != snooze.Reason.Code)
        {
            run.TellWaiting($"{snooze.Reason.Title} {snooze.Detail}".Trim());
        }

        order.Snoozes++;
        order.WaitFor(snooze.Reason, snooze.Detail, run.Now);
        order.NextAttemptAt = run.Now + snooze.Wait;
        await run.ReleaseAsync("Snoozed", ct);
        await WakeIfNudgedAsync(run, ct);
    }

    private async Task WakeIfNudgedAsync(OrderRun run, CancellationToken ct)
    {
        if (await run.WakeIfNudgedAsync(ct) > 0)
        {
            wakes.Wake(run.Order.State);
        }
    }

    private async Task RecordSurpriseAsync(
        Guid id, OrderState state, Guid token, Exception surprise, CancellationToken ct)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            var order = await db.Orders.Include(row => row.Domain).SingleOrDefaultAsync(row => row.Id == id, ct);
            if (order is null || order.State != state || order.LeaseToken != token)
            {
                return;
            }

            await using var run = new OrderRun(order, db, authorities, time, TimeSpan.Zero, time.GetTimestamp());
            var detail = $"{surprise.GetType().Name} in {state}.";
            // What is being canceled cannot be given up: it goes on at the schedule's last pace.
            if (order.Attempts >= RetrySchedules.AfterSurprise.Count && IssuancePath.Allows(state, OrderState.Failed))
            {
                await FailAsync(run, new StepResult.Cancel(Reasons.Surprise, detail), ct);
                return;
            }

            var wait = RetrySchedules.AfterSurprise.At(order.Attempts++);
            order.WaitFor(Reasons.Surprise, detail, run.Now);
            order.NextAttemptAt = run.Now + wait;
            run.Tell(EventTypes.OrderRetried, $"{detail} Attempt {order.Attempts}; next in {wait}.");
            await run.ReleaseAsync("Surprised", ct);
            // A deletion that came while the step ran must not wait for a schedule that ends at a day.
            await WakeIfNudgedAsync(run, ct);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            // The database is away as well: the lease runs out, and whoever claims the order next starts over.
            LogSurpriseNotRecorded(fault, id);
        }
    }

    /// <summary>An id the CA gave us is money: it is kept even by a worker that may no longer write to its
    /// order.</summary>
    private async Task RememberCaOrderAsync(Order order, CancellationToken ct)
    {
        if (order.CaOrderId is { } caOrder)
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO ca_orders_seen (order_id, ca_order_id, seen_at)
                 VALUES ({order.Id}, {caOrder}, {time.GetUtcNow()})
                 ON CONFLICT DO NOTHING
                 """,
                ct);
        }
    }

    private async Task GiveBackAsync(Guid id, Guid token)
    {
        await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
        await db.Orders.Where(row => row.Id == id && row.LeaseToken == token).ExecuteUpdateAsync(set => set
            .SetProperty(row => row.LeaseToken, (Guid?)null)
            .SetProperty(row => row.LeaseUntil, (DateTimeOffset?)null));
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Order {Order} in {State} was taken over; what this worker did is dropped")]
    private partial void LogLeaseLost(Guid order, OrderState state);

    [LoggerMessage(Level = LogLevel.Error, Message = "Order {Order} in {State} met a surprise")]
    private partial void LogSurprise(Exception surprise, Guid order, OrderState state);

    [LoggerMessage(
        Level = LogLevel.Error, Message = "The surprise of order {Order} could not be recorded; its lease runs out")]
    private partial void LogSurpriseNotRecorded(Exception fault, Guid order);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Order {Order} for {Hostname} failed: {Reason}")]
    private partial void LogFailed(Guid order, string hostname, string reason);
}
