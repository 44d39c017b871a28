using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;

namespace ControlPlane.Domains.Ownership;

/// <summary>The part of AwaitDns that asks whose name it is: no answer, no order.</summary>
internal sealed class ProveOwnership(OwnershipLookup lookup, IWakes wakes)
{
    /// <summary>Before anything else: a contested name waits here for its record.</summary>
    /// <returns>Null when nothing is in the way.</returns>
    public async Task<StepResult?> BeforeDnsAsync(OrderRun run, CancellationToken ct)
    {
        var domain = run.Domain;
        var needed = domain.Claim == Claim.Contested
            || (domain is { ProvenAt: null, Status: DomainStatus.Pending }
                && await Contest.IsChallengedAsync(run, ct));
        return needed ? await ProveAsync(run, ct) : null;
    }

    /// <summary>The name leads to us. Does that also say for which tenant? Where each has a target of its own, an
    /// address or a detour says nothing; and what another claim leaves behind must be gone first.</summary>
    /// <returns>Null when an order may be placed.</returns>
    public async Task<StepResult?> BeforeOrderAsync(OrderRun run, bool byTarget, CancellationToken ct)
    {
        if (run.Domain is { CnameTarget: not null, ProvenAt: null } && !byTarget
            && await ProveAsync(run, ct) is { } waiting)
        {
            return waiting;
        }

        if (await BeforeRestoreAsync(run, ct) is { } unsettled)
        {
            return unsettled;
        }

        return await Contest.IsBeingReleasedAsync(run, ct)
            ? new StepResult.Snooze(
                RetrySchedules.Nodes.At(run.Order.Snoozes), Reasons.NameBeingReleased,
                "The name goes on as soon as that is done.")
            : null;
    }

    /// <summary>After a restore: may the name be another account's, whose registration was forgotten? A portal's
    /// claim waits until that is known, and is contested if so.</summary>
    private static async Task<StepResult?> BeforeRestoreAsync(OrderRun run, CancellationToken ct)
    {
        switch (await Contest.ForgottenPastAsync(run, ct))
        {
            case ForgottenPast.NotTold:
                return new StepResult.Snooze(
                    RetrySchedules.Nodes.At(run.Order.Snoozes), Reasons.RestoreUnsettled, Reasons.RestoreUnsettled.Fix);
            case ForgottenPast.InUse:
                run.Domain.Claim = Claim.Contested;
                run.Tell(
                    EventTypes.DomainContested,
                    "It was in use before a restore and its account is not known any more. Nothing is ordered before "
                    + $"the TXT record at {OwnershipRecord.NameFor(run.Domain.Hostname)} is seen.");
                await run.CommitAsync("Contested", ct);
                return new StepResult.Again();
            default:
                return null;
        }
    }

    private async Task<StepResult?> ProveAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        var answer = await run.CallAsync("Ownership", () => lookup.AskAsync(run.Domain, ct));
        if (answer.Shown)
        {
            if (!await Contest.WinAsync(run, wakes, ct))
            {
                return new StepResult.Snooze(TimeSpan.Zero, Reasons.OwnershipLost, Reasons.OwnershipLost.Title);
            }

            await run.CommitAsync("Proven", ct);
            return new StepResult.Again();
        }

        if (answer.Silence is { } silence)
        {
            return Wait(order, silence, answer.Detail);
        }

        return run.Now - order.CreatedAt > RetrySchedules.DnsDeadline
            ? new StepResult.Cancel(
                Reasons.OwnershipTimedOut,
                $"Given up after {RetrySchedules.DnsDeadline.Days} days. Last seen: {answer.Detail}")
            : Wait(order, Reasons.OwnershipUnproven, answer.Detail);
    }

    private static StepResult.Snooze Wait(Order order, Reason reason, string detail) =>
        new(RetrySchedules.Dns.At(order.Snoozes), reason, detail);
}
