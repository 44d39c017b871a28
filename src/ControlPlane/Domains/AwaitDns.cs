using ControlPlane.Adoptions;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Running;
using ControlPlane.Http;

namespace ControlPlane.Domains;

/// <summary>
/// PendingDns: waits until the name is its tenant's, leads to us, and nothing is seen for which the CA would refuse it.
/// It leads to us by its records (a CNAME to the target it was told, or nothing but its fleet's addresses), or, for
/// names behind a CDN, by a probe that arrives: what counts for the CA is where port 80 ends.
/// </summary>
internal sealed class AwaitDns(
    CaEyes eyes, ProveOwnership ownership, AdoptBundle adoption, AuthorityChoice choice) : IStep
{
    public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (await ownership.BeforeDnsAsync(run, ct) is { } waiting)
        {
            order.Findings = [];
            return waiting;
        }

        if (order.Kind == OrderKind.Adoption)
        {
            // The name is served already, and no CA will look at it.
            return await ownership.BeforeOrderAsync(run, byTarget: true, ct) ?? await adoption.RunAsync(run, ct);
        }

        order.Ca = await choice.OfAsync(run.Db, run.Domain, ct);
        var look = await eyes.LookAsync(run, ct);
        order.Findings = look.Findings;
        if (look.Blocking is not { } blocking)
        {
            return await ownership.BeforeOrderAsync(run, look.ByTarget, ct)
                ?? new StepResult.Advance(OrderState.PendingOrder, $"{order.Hostname} {look.Arrival}");
        }

        // Only a customer can be too late: what we, or our resolvers, could not do says nothing about the name.
        return blocking.Reason.WaitingOn == WaitingOn.Customer
            && run.Now - order.CreatedAt > RetrySchedules.DnsDeadline
            ? new StepResult.Cancel(
                Reasons.DnsTimedOut,
                $"Given up after {RetrySchedules.DnsDeadline.Days} days. Last seen: {blocking.Reason.Title} "
                + blocking.Detail)
            : new StepResult.Snooze(RetrySchedules.Dns.At(order.Snoozes), blocking.Reason, blocking.Detail);
    }
}
