using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Metrics;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Fleets;
using ControlPlane.Nodes.Proving;
using ControlPlane.TokenStore;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>
/// PendingDeployment: waits until every serving node has proven the bundle on disk, in memory and by handshake. The
/// proof is read inside the transaction that activates, so that no node can have become serving without it.
/// </summary>
internal sealed class AwaitRollout(ITokenStore tokens, RenewalCalendar calendar) : IStep
{
    public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (order.TokenPublishedAt is not null)
        {
            return await WithdrawTokenAsync(run, ct);
        }

        var wanted = await run.Db.Bundles.AsNoTracking().SingleAsync(bundle => bundle.Id == order.BundleId, ct);
        await calendar.RefreshAsync(ct);
        await run.BeginAsync(ct);
        var verdict = await RolloutProof.ReadAsync(
            run.Db, run.Domain.FleetId, order.DomainId, wanted.Fingerprint, ct);
        if (await OvertakenAsync(run, ct))
        {
            return new StepResult.Advance(
                OrderState.Superseded, "A later order of this domain is being served already.");
        }

        return verdict.Outcome switch
        {
            RolloutOutcome.Proven => await ActivateAsync(run, verdict, wanted, ct),
            RolloutOutcome.Waiting when await RolloutGates.WhyHeldAsync(run.Db, run.Domain, ct) is { } held => Wait(
                order, Reasons.RolloutPaused, held),
            RolloutOutcome.Waiting => Wait(
                order, Reasons.NodesProving, $"Still to prove it: {Names(verdict.Waiting)}."),
            RolloutOutcome.Refused => Wait(
                order,
                Reasons.NodeRefused,
                string.Join(" ", verdict.Refused.Select(refusal => $"{refusal.Node.Name}: {refusal.Code}."))),
            _ => Wait(
                order,
                Reasons.NoServingNode,
                $"Serving: {verdict.Proven.Count + verdict.Waiting.Count + verdict.Refused.Count}, lost: "
                + $"{verdict.Lost.Count}."),
        };
    }

    /// <summary>The certificate is there, so that nobody needs the token any more; the nodes are busy
    /// meanwhile.</summary>
    private async Task<StepResult> WithdrawTokenAsync(OrderRun run, CancellationToken ct)
    {
        await TokenWithdrawal.RunAsync(run, tokens, ct);
        await run.CommitAsync("TokenWithdrawn", ct);
        return new StepResult.Again();
    }

    private static Task<bool> OvertakenAsync(OrderRun run, CancellationToken ct) => run.Db.DesiredState.AnyAsync(
        row => row.DomainId == run.Order.DomainId && row.BundleId != null && row.OrderSequence > run.Order.Sequence,
        ct);

    private async Task<StepResult> ActivateAsync(
        OrderRun run, RolloutVerdict verdict, Bundle proven, CancellationToken ct)
    {
        var (order, domain) = (run.Order, run.Domain);
        if (await run.DeletionRequestedAsync(ct))
        {
            return new StepResult.Advance(OrderState.Canceling, "The domain was deleted.");
        }

        var previous = await run.Db.Orders
            .Where(row => row.DomainId == domain.Id && row.State == OrderState.Active && row.Id != order.Id)
            .ToListAsync(ct);
        foreach (var served in previous)
        {
            served.MoveTo(OrderState.Superseded, run.Now);
            run.Tell(EventTypes.OrderMoved, "Active → Superseded: A later order of this domain is served.", served.Id);
        }

        var renewAt = calendar.Choose(domain.Id, proven.NotBefore, proven.NotAfter);
        domain.Serve(proven.Id, proven.NotAfter, renewAt);
        var told = EventTypes.CertificateRenewed;
        if (domain.Status is DomainStatus.Pending or DomainStatus.Failed)
        {
            domain.Status = DomainStatus.Active;
            told = EventTypes.DomainActive;
        }

        if (domain.ActivatedAt is null)
        {
            domain.ActivatedAt = run.Now;
            var elapsed = run.Now - domain.CreatedAt;
            // By then the last wait is counted.
            run.AfterCommit(() => Instruments.TimeToActive(elapsed, order.WaitsUpTo(run.Now)));
        }

        run.Tell(told, $"Proven by handshake on {Names(verdict.Proven)}"
            + (verdict.Lost.Count == 0 ? "." : $"; lost, and not asked: {Names(verdict.Lost)}."));
        return new StepResult.Advance(OrderState.Active, $"{domain.Hostname} is served.");
    }

    private static StepResult.Snooze Wait(Order order, Reason reason, string detail) =>
        new(RetrySchedules.Nodes.At(order.Snoozes), reason, detail);

    private static string Names(IEnumerable<ProofNode> nodes) => string.Join(", ", nodes.Select(node => node.Name));
}
