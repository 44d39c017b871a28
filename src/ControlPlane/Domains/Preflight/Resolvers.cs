using ControlPlane.Dns;
using ControlPlane.Http;

namespace ControlPlane.Domains.Preflight;

/// <summary>The configured resolvers, each asked by itself: the CA, too, looks from several places.</summary>
/// <param name="All">One client for each, one at least.</param>
internal sealed record Resolvers(IReadOnlyList<DnsClient> All)
{
    public Task<DnsAddresses[]> AddressesAsync(string name, CancellationToken ct) =>
        Task.WhenAll(All.Select(resolver => resolver.ResolveAddressesAsync(name, ct)));

    /// <summary>The first resolver that knows; the last one's word when none does.</summary>
    public async Task<DnsAnswer> AnyAsync(string name, DnsRecordType type, CancellationToken ct)
    {
        DnsAnswer? last = null;
        foreach (var resolver in All)
        {
            last = await resolver.ResolveAsync(name, type, ct);
            if (last.IsFact)
            {
                return last;
            }
        }

        return last!;
    }

    /// <summary>
    /// Why no resolver could tell. A resolver that cannot even answer for the root is at fault itself, whatever it
    /// says of the name; if it can, and gives the name's records once it may leave DNSSEC aside (RFC 4035 §3.2.2), the
    /// signatures are at fault; else the name's own servers are.
    /// </summary>
    /// <param name="name">What was asked for.</param>
    /// <param name="types">And which types of it.</param>
    /// <param name="silent">What each resolver said instead of an answer, in their order.</param>
    /// <param name="ct">Ends the wait.</param>
    public async Task<Finding> ExplainAsync(
        string name, IReadOnlyList<DnsRecordType> types, IReadOnlyList<(DnsStatus Status, string Detail)> silent,
        CancellationToken ct)
    {
        var causes = await Task.WhenAll(
            All.Select((resolver, index) => CauseAsync(resolver, name, types, silent[index].Status, ct)));
        var cause = causes.Contains(PreflightReasons.DnssecFailing) ? PreflightReasons.DnssecFailing
            : causes.Contains(PreflightReasons.ServersFailing) ? PreflightReasons.ServersFailing
            : Reasons.DnsNotAnswering;
        return Finding.Of(cause, silent[Array.IndexOf(causes, cause)].Detail);
    }

    private static async Task<Reason> CauseAsync(
        DnsClient resolver, string name, IReadOnlyList<DnsRecordType> types, DnsStatus silent, CancellationToken ct)
    {
        var root = await resolver.ResolveAsync(DnsName.Root, DnsRecordType.NS, ct);
        if (!root.IsFact || silent == DnsStatus.Refused)
        {
            return Reasons.DnsNotAnswering;
        }

        if (silent != DnsStatus.ServFail)
        {
            return PreflightReasons.ServersFailing;
        }

        var unvalidated = await Task.WhenAll(
            types.Select(type => resolver.ResolveAsync(name, type, ct, unvalidated: true)));
        return unvalidated.All(answer => answer.IsFact)
            ? PreflightReasons.DnssecFailing
            : PreflightReasons.ServersFailing;
    }
}
