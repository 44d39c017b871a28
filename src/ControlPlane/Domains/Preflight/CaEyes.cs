using ControlPlane.Dns;
using ControlPlane.Domains.Probing;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;
using ControlPlane.TokenStore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains.Preflight;

/// <summary>What a look at a name gave.</summary>
/// <param name="Findings">What blocks comes first.</param>
/// <param name="ByTarget">The name leads here by its domain's own target, which also says whose it is.</param>
/// <param name="Arrival">How it leads here, in words.</param>
internal sealed record Look(IReadOnlyList<Finding> Findings, bool ByTarget, string Arrival)
{
    /// <summary>Nothing was looked at.</summary>
    public static Look Nothing { get; } = new([], false, "");

    /// <summary>The first that keeps the CA from issuing; null when nothing does.</summary>
    public Finding? Blocking => Findings.FirstOrDefault(finding => finding.Blocks);
}

/// <summary>
/// Looks at a name as the CA will: where every resolver sees it lead, whether CAA lets its CA issue, and whether port
/// 80 of every public address ends at us. What is found comes all at once, so that a customer goes to the DNS provider
/// once.
/// </summary>
internal sealed class CaEyes(
    Resolvers resolvers, CaaLookup caa, PublicProbe probe, IOptions<FleetOptions> fleet)
{
    /// <summary>Reasons whose look may dial addresses of the customer's choice.</summary>
    public static readonly IReadOnlySet<string> DialOthers = new[]
    {
        Reasons.DnsElsewhere, PreflightReasons.Ipv6Elsewhere, PreflightReasons.NotEverywhere,
        PreflightReasons.Port80NotReached, PreflightReasons.Port80AnsweredByAnother,
        PreflightReasons.CaaForbids, PreflightReasons.CaaOfOursForbids, PreflightReasons.CaaNotAnswering,
    }.Select(reason => reason.Code).ToHashSet(StringComparer.Ordinal);

    /// <summary>Before the CA is asked. Addresses of our own are not dialled: many a network does not let its own
    /// machines in by the front door, and every node gives the token back before the CA is asked to look.</summary>
    public async Task<Look> LookAsync(OrderRun run, CancellationToken ct)
    {
        var (way, caaFinding, silence) = await ResolveAsync(run, ct);
        if (silence is not null)
        {
            return new Look([silence], false, "");
        }

        IReadOnlyList<Probed> probes = [];
        if (!way.IsHere && way.Foreign.Count > 0)
        {
            probes = await run.CallAsync("Probe", () => TryProbeAsync(run.Order, way, ct));
        }

        var found = way.Findings(probes, probe.Refuses);
        return new Look(
            InOrder(found, caaFinding), way.ByTarget,
            way.IsHere ? "leads to us." : "leads elsewhere, and from there to us: a probe arrived.");
    }

    /// <summary>After the CA said that it did not find the published token: what has changed, and whether it comes back
    /// through our own addresses, too. What could not be asked is left out: the CA's word stands.</summary>
    public async Task<Look> LookAgainAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        var (way, caaFinding, silence) = await ResolveAsync(run, ct);
        if (silence is not null)
        {
            return new Look(silence.Reason == Reasons.DnsNotAnswering ? [] : [silence], false, "");
        }

        var all = await run.CallAsync(
            "Probe", () => probe.FetchAsync(
                order.Hostname, run.Ca.TokenPlace, order.DcvValue!, [.. way.Own, .. way.Foreign], ct));
        var foreign = all.Where(probed => way.Foreign.Contains(probed.Address)).ToList();
        var found = way.Findings(foreign, probe.Refuses);
        var ours = all.Except(foreign).Where(probed => !probed.Arrived).ToList();
        return new Look(
            InOrder(ours.Count > 0 ? found.Append(PortFindings.OfOurs(ours)) : found, caaFinding), way.ByTarget, "");
    }

    private async Task<(NameWay Way, Finding? Caa, Finding? Silence)> ResolveAsync(OrderRun run, CancellationToken ct)
    {
        var (name, ca) = (run.Order.Hostname, run.Ca);
        var ways = await FleetWays.ReadAsync(run.Db, run.Domain.FleetId, fleet.Value, ct);
        return await run.CallAsync("Resolve", async () =>
        {
            var asked = caa.AskAsync(name, ca, ways, ct);
            var answers = await resolvers.AddressesAsync(name, ct);
            var way = new NameWay(run.Domain, ways, answers);
            var silence = way.IsKnown ? null : await resolvers.ExplainAsync(
                name, [DnsRecordType.A, DnsRecordType.AAAA],
                [.. answers.Select(answer => (answer.Status, answer.Detail))], ct);
            return (way, await asked, silence);
        });
    }

    private async Task<IReadOnlyList<Probed>> TryProbeAsync(Order order, NameWay way, CancellationToken ct)
    {
        try
        {
            return await probe.LookAsync(order, way.Foreign, ct);
        }
        catch (TokenStoreException)
        {
            // The probe is a second chance; without a store it is not given, and the records decide alone.
            return [];
        }
    }

    private static IReadOnlyList<Finding> InOrder(IEnumerable<Finding> found, Finding? caa) =>
        [.. (caa is null ? found : found.Append(caa)).OrderBy(finding => finding.Blocks ? 0 : 1)];
}
