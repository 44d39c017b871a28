using ControlPlane.CertificateAuthorities;
using ControlPlane.Dns;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;

namespace ControlPlane.Domains.Preflight;

/// <summary>
/// May a CA issue for a name? Climbs from the name to its top-level domain and stops at the first that has CAA
/// records; at each, the question follows a CNAME, and the climb goes on from the name itself (RFC 8659 §3).
/// </summary>
internal sealed class CaaLookup(Resolvers resolvers)
{
    private const string Wildcard = "*.";

    /// <summary>All names on the way are asked at once: most have nothing, and a climb step by step would wait for each
    /// of them.</summary>
    /// <returns>Null when nothing is in the way.</returns>
    public async Task<Finding?> AskAsync(
        string hostname, ICertificateAuthority ca, FleetWays ways, CancellationToken ct)
    {
        if (ca.CaaIdentities.Count == 0)
        {
            return null;
        }

        var wildcard = hostname.StartsWith(Wildcard, StringComparison.Ordinal);
        var labels = (wildcard ? hostname[Wildcard.Length..] : hostname).Split('.');
        var answers = await Task.WhenAll(Enumerable.Range(0, labels.Length).Select(
            skip => resolvers.AnyAsync(string.Join('.', labels.Skip(skip)), DnsRecordType.CAA, ct)));
        var decisive = answers.FirstOrDefault(
            answer => !answer.IsFact || answer.Status is DnsStatus.NoError or DnsStatus.ChainBroken);
        return decisive switch
        {
            // A broken chain is found, and told, where the name's addresses are asked for.
            null or { Status: DnsStatus.ChainBroken } => null,
            { Status: DnsStatus.NoError } => Judge(decisive, ca, ways, wildcard),
            _ => Finding.Of(PreflightReasons.CaaNotAnswering, $"At {decisive.Name}: {decisive.Detail}"),
        };
    }

    private static Finding? Judge(DnsAnswer answer, ICertificateAuthority ca, FleetWays ways, bool wildcard)
    {
        var verdict = CaaPolicy.Judge([.. answer.Records.OfType<CaaRecord>()], ca.CaaIdentities, wildcard);
        var at = answer.Records[0].Name;
        var allow = FixStep.ToCreate(new DnsRecordView("CAA", at, $"0 issue \"{ca.CaaIdentities[0]}\"", null));
        if (verdict is { Permits: true, Narrowed: false })
        {
            return null;
        }

        var detail = answer.Chain.Count > 0
            ? $"{answer.Name} leads by CNAME to {at}, where {verdict.Why}"
            : $"At {at}: {verdict.Why}";
        if (verdict.Permits)
        {
            return Finding.Warning(PreflightReasons.CaaNarrowed, detail, allow);
        }

        var reason = ways.Others.Append(ways.Own).Any(way => way.OwnsName(at))
            ? PreflightReasons.CaaOfOursForbids
            : PreflightReasons.CaaForbids;
        return Finding.Of(reason, detail, verdict.Critical is { } critical
            ? FixStep.ToRemove(new DnsRecordView("CAA", at, CaaPolicy.Show(critical), null))
            : allow);
    }
}
