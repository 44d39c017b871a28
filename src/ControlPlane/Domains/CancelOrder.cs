using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Proving;
using ControlPlane.TokenStore;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>
/// Canceling: takes back everything an order has brought about, one thing at a time: the order at the CA, the token,
/// the name on the nodes, the key. The name is free when the last order of its domain is closed.
/// </summary>
internal sealed class CancelOrder(ITokenStore tokens, IVault vault, IDesiredStatePublisher publisher) : IStep
{
    /// <summary>Kept in <see cref="Order.CaStatus"/> once the CA was told.</summary>
    private const string Canceled = "canceled";

    public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (order.BundleId is null && order.SubmittedAt is not null
            && order.CaStatus is not (Canceled or CaWords.Issued))
        {
            return await CancelAtCaAsync(run, ct);
        }

        if (order.TokenPublishedAt is not null)
        {
            await TokenWithdrawal.RunAsync(run, tokens, ct);
            await run.CommitAsync("TokenWithdrawn", ct);
            return new StepResult.Again();
        }

        if (order.BundleId is not null && !await WithdrawalRecordedAsync(run, ct))
        {
            // Under the lock a take-over holds as well: a withdrawal told again after it would take the name from its
            // new owner.
            await run.DeletionRequestedAsync(ct);
            if (await WithdrawalRecordedAsync(run, ct))
            {
                return new StepResult.Again();
            }

            await DesiredChanges.RecordAsync(run, bundle: null, ct);
            run.Tell(EventTypes.BundleWithdrawn, $"{order.Hostname} is being taken off the nodes.");
            run.AfterCommit(publisher.Wake);
            await run.CommitAsync("WithdrawalRecorded", ct);
            return new StepResult.Again();
        }

        if (order.KeyId is not null && order.BundleId is null)
        {
            return await DeleteKeyAsync(run, ct);
        }

        return await CloseAsync(run, ct);
    }

    private static async Task<StepResult> CancelAtCaAsync(OrderRun run, CancellationToken ct)
    {
        var (order, ca) = (run.Order, run.Ca);
        // Everything under our own id, not only the one we know of: an answer may have been lost on the way here.
        var found = await run.CallAsync("Find", () => ca.FindAsync(order.Id, ct));
        var open = found.Where(candidate => candidate.Status is CaOrderStatus.Pending or CaOrderStatus.Unknown)
            .Select(candidate => candidate.CaOrderId).ToList();
        if (order.CaOrderId is { } known && found.All(candidate => candidate.CaOrderId != known))
        {
            // A CA may list an order later than it takes it.
            open.Add(known);
        }

        foreach (var caOrder in open)
        {
            await CancelOneAsync(run, caOrder, ct);
        }

        if (order.CaOrderId is null)
        {
            // It may still turn up: the sweep looks twice more, from now.
            order.UncertainSince = run.Now;
            order.Sweeps = 0;
        }

        order.CaStatus = Canceled;
        await run.CommitAsync("CanceledAtCa", ct);
        return new StepResult.Again();
    }

    private static async Task CancelOneAsync(OrderRun run, string caOrder, CancellationToken ct)
    {
        var ca = run.Ca;
        try
        {
            await run.CallAsync("Cancel", () => ca.CancelAsync(caOrder, run.Domain.WhyCanceled, ct));
            run.Tell(EventTypes.OrderCanceledAtCa, $"Order {caOrder} at {ca.Name} is canceled.");
        }
        catch (CertificateAuthorityException fault) when (fault.Failure == CaFailure.Refused)
        {
            var told = await run.CallAsync("ReadOrder", () => ca.ReadAsync(caOrder, ct));
            if (told.Status != CaOrderStatus.Issued)
            {
                throw;
            }

            // It was to be reissued: the certificate before stays, and what was paid for it is spent.
            run.Tell(EventTypes.OrderSurplusKept, $"Order {caOrder} at {ca.Name} stays: it is issued.");
        }
    }

    private static async Task<bool> WithdrawalRecordedAsync(OrderRun run, CancellationToken ct)
    {
        var (domain, sequence) = (run.Order.DomainId, run.Order.Sequence);
        return await run.Db.DesiredChanges.AnyAsync(
                row => row.DomainId == domain && row.BundleId == null && row.OrderSequence >= sequence, ct)
            || await run.Db.DesiredState.AnyAsync(
                row => row.DomainId == domain && row.BundleId == null && row.OrderSequence >= sequence, ct);
    }

    private async Task<StepResult> DeleteKeyAsync(OrderRun run, CancellationToken ct)
    {
        await run.CallAsync("DeleteKey", () => vault.DeleteAsync(run.Order.KeyId!.Value, ct));
        run.Order.KeyId = null;
        run.Order.Csr = null;
        run.Order.SubmittedAt = null;
        run.Tell(EventTypes.KeyDeleted, "The key is deleted; it is destroyed in 30 days.");
        await run.CommitAsync("KeyDeleted", ct);
        return new StepResult.Again();
    }

    private async Task<StepResult> CloseAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (order.KeyId is not null)
        {
            await run.BeginAsync(ct);
            var withdrawal = await WithdrawalProof.ReadAsync(run.Db, run.Domain.FleetId, order.DomainId, ct);
            if (!withdrawal.Confirmed)
            {
                return new StepResult.Snooze(
                    RetrySchedules.Nodes.At(order.Snoozes),
                    withdrawal.IsHeld ? Reasons.WithdrawalsHeld : Reasons.NodesWithdrawing,
                    withdrawal.IsHeld
                        ? "No node has been told yet."
                        : $"Still to confirm: {Names(withdrawal.Waiting)}.");
            }

            run.Domain.DeletionReceipt = Receipt(withdrawal);
            run.Domain.WithdrawFrom(
                [.. withdrawal.By.Select(node => node.Name)], [.. withdrawal.Others.Select(node => node.Name)]);
            await run.CommitAsync("Withdrawn", ct);
            await run.CallAsync("DeleteKey", () => vault.DeleteAsync(order.KeyId.Value, ct));
            run.Tell(EventTypes.KeyDeleted, "The key is deleted; it is destroyed in 30 days.");
        }

        await CloseDomainAsync(run, ct);
        return new StepResult.Advance(OrderState.Canceled, "Nothing of it is left.");
    }

    /// <summary>Closes the domain with its last order. Its row is locked, so that of two orders that close at the same
    /// time one sees the other.</summary>
    private static async Task CloseDomainAsync(OrderRun run, CancellationToken ct)
    {
        var (order, domain) = (run.Order, run.Domain);
        await run.DeletionRequestedAsync(ct);
        var others = await run.Db.Orders.AnyAsync(
            row => row.DomainId == domain.Id && row.Id != order.Id && row.ClosedAt == null, ct);
        if (!others && domain.Claim == Claim.Lost && domain.Status != DomainStatus.Deleting)
        {
            // It stays, to say why, until its tenant deletes it.
            domain.ServeNothing();
        }
        else if (!others)
        {
            domain.Status = DomainStatus.Deleted;
            domain.DeletedAt = run.Now;
            domain.ServeNothing();
            run.Tell(EventTypes.DomainDeleted, $"{domain.Hostname} is deleted. {domain.DeletionReceipt}".Trim());
        }
    }

    private static string Receipt(WithdrawalVerdict withdrawal) =>
        $"Taken off {(withdrawal.By.Count == 0 ? "no node" : Names(withdrawal.By))}"
        + (withdrawal.Others.Count == 0 ? "." : $"; not there to ask: {Names(withdrawal.Others)}.");

    private static string Names(IEnumerable<ProofNode> nodes) => string.Join(", ", nodes.Select(node => node.Name));
}
