using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>
/// PendingOrder: a fresh key sealed and its CSR recorded, then the order at the CA, exactly once. The paid call is
/// announced by a commit before it leaves; after a lost answer the order is looked up at the CA, on a schedule, before
/// it is placed again.
/// </summary>
internal sealed class SubmitOrder(
    IVault vault, DoubtedOrder doubt, Failover failover, ILogger<SubmitOrder> log) : IStep
{
    private readonly ReissueOrder _reissue = new(log);

    /// <summary>What the lease must outlast the paid call's time-out by, for the commit of its result.</summary>
    private static readonly TimeSpan LeaseMargin = TimeSpan.FromSeconds(10);

    public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct) => run.Order switch
    {
        { DoubtedAt: not null, SubmittedAt: null } => await doubt.SettleAsync(run, ct),
        { KeyId: null } => await MakeKeyAsync(run, ct),
        { SubmittedAt: null, CaOrderId: not null, ReissueBaseline: null } =>
            await ReissueOrder.LookBeforeAsync(run, ct),
        { SubmittedAt: null } => await PlaceAsync(run, ct),
        _ => await LookUpAsync(run, ct),
    };

    private async Task<StepResult> MakeKeyAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (order.CaOrderId is null && await doubt.TakeOverAsync(run, ct))
        {
            return new StepResult.Again();
        }

        if (order.Kind == OrderKind.Renewal)
        {
            // Where it goes decides what it can follow.
            var (_, why) = await failover.ChooseAsync(run, ct);
            await ReissueOrder.ChooseAsync(run, ct);
            if (why is not null && order.CaOrderId is not null)
            {
                // Bound to its order there it could not go elsewhere any more: it waits unbound, for either CA.
                order.PlaceAnew(renewalOf: null);
                return new StepResult.Snooze(RetrySchedules.CaAway.At(order.Snoozes), Reasons.CaNotReachable, why);
            }
        }

        using var made = OrderKey.Make(order.Hostname, run.Domain.KeyAlgorithm);
        // Sealed before the CSR exists anywhere else. Killed right here, the sealed key is an orphan and is collected.
        order.KeyId = await run.CallAsync("Seal", () => vault.SealAsync(made.Key, order.DomainId, order.Id, ct));
        order.Csr = made.Csr;
        run.Tell(EventTypes.KeySealed, $"A fresh {run.Domain.KeyAlgorithm} key is sealed in the vault.");
        await run.CommitAsync("KeyRecorded", ct);
        return new StepResult.Again();
    }

    private async Task<StepResult> PlaceAsync(OrderRun run, CancellationToken ct)
    {
        if ((await failover.ChooseAsync(run, ct)).Moved && run.Order.CaOrderId is not null)
        {
            return new StepResult.Again();
        }

        var (order, ca) = (run.Order, run.Ca);
        var request = await RequestAsync(run, ct);
        order.SubmittedAt = run.Now;
        run.Tell(EventTypes.OrderSubmitted, $"Ordering at {ca.Name}.");
        await run.CommitAsync("Intent", ct);
        if (run.LeaseLeft <= ca.PlaceOrderTimeout + LeaseMargin)
        {
            // Nobody else may have the order while money is spent on it. A commit has just renewed the lease, so that
            // this is a fault of the settings, not of the moment.
            throw new InvalidOperationException(
                $"Jobs:Lease is too short for a paid call of up to {ca.PlaceOrderTimeout}: raise it.");
        }

        PlacedOrder placed;
        try
        {
            // Not ended by a stop of the program: an answer thrown away would have to be looked up for minutes.
            placed = await run.CallAsync("PlaceOrder", () => order.CaOrderId is { } bought
                ? ca.ReissueAsync(bought, request, CancellationToken.None)
                : ca.PlaceOrderAsync(request, CancellationToken.None));
        }
        catch (CertificateAuthorityException fault) when (fault.Failure == CaFailure.AnswerLost)
        {
            order.UncertainSince = run.Now;
            order.Lookups = 0;
            order.Sweeps = 0;
            run.Tell(
                EventTypes.OrderAnswerLost, "The answer was lost: the order is looked up before it is placed again.");
            return WaitForLookup(run);
        }
        catch (CertificateAuthorityException fault) when (fault.Failure != CaFailure.Refused)
        {
            order.SubmittedAt = null;
            var (moved, why) = await failover.ChooseAsync(run, CancellationToken.None);
            return moved ? new StepResult.Again() : CaAnswers.For(fault, order).Because(why);
        }
        catch (CertificateAuthorityException fault)
            when (order.ReissueBaseline is not null && !CaAnswers.IsAboutCaa(fault))
        {
            return await ReissueOrder.RefusedAsync(run, fault, ct);
        }
        catch (CertificateAuthorityException fault) when (order.RenewalOf is not null && !CaAnswers.IsAboutCaa(fault))
        {
            return await WithoutLinkAsync(run, fault, ct);
        }

        var wasBought = order.CaOrderId is not null;
        await AdoptAsync(run, ca, placed.CaOrderId, placed.CaCertificateId, placed.Token);
        run.Tell(
            wasBought && order.Kind == OrderKind.New ? EventTypes.OrderAdopted : EventTypes.OrderPlaced,
            wasBought
                ? $"Order {placed.CaOrderId} at {ca.Name} is reissued over a fresh key: nothing is bought."
                : $"{ca.Name} took it as order {placed.CaOrderId}.");
        return new StepResult.Advance(OrderState.PendingValidation, "Ordered.");
    }

    /// <summary>What a CA says against following an order is not said against the name: the same again, as an order
    /// that follows none.</summary>
    private static async Task<StepResult> WithoutLinkAsync(
        OrderRun run, CertificateAuthorityException refusal, CancellationToken ct)
    {
        run.Tell(
            EventTypes.OrderNotReissued,
            $"{run.Ca.Name} does not take it as the renewal of order {run.Order.RenewalOf}: {refusal.Message} It is "
            + "placed as a new one.");
        (run.Order.RenewalOf, run.Order.SubmittedAt) = (null, null);
        await run.CommitAsync("NotLinked", ct);
        return new StepResult.Again();
    }

    private async Task<StepResult> LookUpAsync(OrderRun run, CancellationToken ct)
    {
        var (order, ca) = (run.Order, run.Ca);
        if (order.UncertainSince is null)
        {
            // The worker that announced the call never came back: what became of the call is unknown.
            order.UncertainSince = run.Now;
            order.Sweeps = 0;
            run.Tell(EventTypes.OrderAnswerLost, "The call was announced and its end is unknown: looking it up.");
            await run.CommitAsync("Uncertain", ct);
        }

        if (ca.LookupSchedule.Count == 0)
        {
            return await PlaceAgainAsync(run, "cannot be asked for it, and takes another for nothing", ct);
        }

        if (run.Now < DueAt(run))
        {
            return WaitForLookup(run);
        }

        if (order.ReissueBaseline is not null)
        {
            if (await _reissue.LookUpAsync(run, ct) is { } settled)
            {
                return settled;
            }
        }
        else if ((await run.CallAsync("LookUp", () => ca.FindAsync(order.Id, ct))).FirstOrDefault(
            candidate => candidate.Status is not (CaOrderStatus.Closed or CaOrderStatus.Spent)) is { } live)
        {
            await AdoptAsync(run, ca, live.CaOrderId, live.CaCertificateId, token: null);
            order.CaStatus = live.StatusWord;
            run.Tell(
                EventTypes.OrderAdopted,
                $"Found as order {live.CaOrderId} at {ca.Name}: adopted, nothing ordered twice.");
            return new StepResult.Advance(OrderState.PendingValidation, "Found again.");
        }

        order.Lookups++;
        if (order.Lookups < ca.LookupSchedule.Count)
        {
            return WaitForLookup(run);
        }

        return await PlaceAgainAsync(run, "does not know it after every look-up", ct);
    }

    private static async Task<StepResult> PlaceAgainAsync(OrderRun run, string why, CancellationToken ct)
    {
        run.Order.SubmittedAt = null;
        run.Order.Lookups = 0;
        run.Tell(EventTypes.OrderAnswerLost, $"{run.Ca.Name} {why}: placing it again.");
        await run.CommitAsync("NotFound", ct);
        return new StepResult.Again();
    }

    private static StepResult.Snooze WaitForLookup(OrderRun run)
    {
        var wait = DueAt(run) - run.Now;
        return new StepResult.Snooze(
            wait > TimeSpan.Zero ? wait : TimeSpan.Zero,
            Reasons.CaAnswerLost,
            $"Look-up {run.Order.Lookups + 1} of {run.Ca.LookupSchedule.Count} is next.");
    }

    private static DateTimeOffset DueAt(OrderRun run) =>
        run.Order.SubmittedAt!.Value + run.Ca.LookupSchedule.At(run.Order.Lookups);

    internal static async Task AdoptAsync(
        OrderRun run, ICertificateAuthority ca, string caOrderId, string? caCertificateId, DcvToken? token)
    {
        var order = run.Order;
        order.CaOrderId = caOrderId;
        order.CaValidUntil ??= ca.CoveredUntil(run.Now);
        order.CaCertificateId = caCertificateId;
        order.DcvValue = token?.Value;
        order.DcvExpiresAt = token?.ExpiresAt;
        // A worker that had lost its lease may have noted the id down before. Not ended by a stop: the id is paid for.
        await run.BeginAsync(CancellationToken.None);
        await run.Db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO ca_orders_seen (order_id, ca_order_id, seen_at) VALUES ({order.Id}, {caOrderId}, {run.Now})
             ON CONFLICT DO NOTHING
             """,
            CancellationToken.None);
    }

    /// <summary>What the CA is asked for. A successor says what it follows.</summary>
    internal static async Task<OrderRequest> RequestAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        var priority = order is { Kind: OrderKind.New, InBulk: false } ? CallPriority.New : CallPriority.Renewal;
        var before = order.Kind is OrderKind.New ? null : await Predecessor.OfAsync(run.Db, order, ct);
        return new OrderRequest(order.Id, order.Hostname, order.Csr!, priority)
        {
            Replaces = before?.Leaf,
            RenewalOf = order.RenewalOf,
            CoveredUntil = order.CaValidUntil,
        };
    }
}
