using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Probing;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;
using ControlPlane.TokenStore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains;

/// <summary>
/// PendingDns: waits until the name is its tenant's and leads to us. By its records (a CNAME to the target it was
/// told, or nothing but its fleet's addresses), or, for names behind a CDN, by a probe that arrives: what counts for
/// the CA is where port 80 ends.
/// </summary>
internal sealed class AwaitDns(
    DnsClient dns, PublicProbe probe, ProveOwnership ownership, IOptions<FleetOptions> fleet) : IStep
{
    public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (await ownership.BeforeDnsAsync(run, ct) is { } waiting)
        {
            return waiting;
        }

        var found = await run.CallAsync("Resolve", () => dns.ResolveAddressesAsync(order.Hostname, ct));
        var ways = await FleetWays.ReadAsync(run.Db, run.Domain.FleetId, fleet.Value, ct);
        var byTarget = ways.LeadsToTarget(run.Domain, found);
        if (byTarget || ways.EndsAtOurs(run.Domain, found))
        {
            return await ownership.BeforeOrderAsync(run, byTarget, ct)
                ?? new StepResult.Advance(OrderState.PendingOrder, $"{order.Hostname} leads to us.");
        }

        if (!found.IsFact)
        {
            return Wait(order, Reasons.DnsNotAnswering, found.Detail);
        }

        var another = ways.LeadsToAnother(run.Domain, found);
        if (!another && found.Addresses.Count > 0 && await ProbeArrivesAsync(run, found, ct))
        {
            return await ownership.BeforeOrderAsync(run, byTarget: false, ct) ?? new StepResult.Advance(
                OrderState.PendingOrder, $"{order.Hostname} leads elsewhere, and from there to us: a probe arrived.");
        }

        if (run.Now - order.CreatedAt > RetrySchedules.DnsDeadline)
        {
            return new StepResult.Cancel(
                Reasons.DnsTimedOut,
                $"Given up after {RetrySchedules.DnsDeadline.Days} days. Last seen: {found.Detail}");
        }

        return another ? Wait(
                order, Reasons.DnsWrongTarget,
                $"It leads to {(found.Chain.Count > 0 ? found.Chain[^1] : Some(found.Addresses))}.")
            : found.Addresses.Count == 0
            ? Wait(order, Reasons.DnsNotThere, found.Detail)
            : Wait(order, Reasons.DnsElsewhere, $"It leads to {Some(found.Addresses)}.");
    }

    /// <summary>A stranger's answer may name thousands; a reader needs a few.</summary>
    private static string Some(IReadOnlyList<IPAddress> addresses) =>
        string.Join(", ", addresses.Take(5)) + (addresses.Count > 5 ? $" and {addresses.Count - 5} more" : "");

    private async Task<bool> ProbeArrivesAsync(OrderRun run, DnsAddresses found, CancellationToken ct)
    {
        var order = run.Order;
        try
        {
            return await run.CallAsync("Probe", () => probe.ArrivesAsync(order, found.Addresses, ct));
        }
        catch (TokenStoreException)
        {
            // The probe is a second chance; without a store it is not given, and the record decides as before.
            return false;
        }
    }

    private static StepResult.Snooze Wait(Order order, Reason reason, string detail) =>
        new(RetrySchedules.Dns.At(order.Snoozes), reason, detail);
}
