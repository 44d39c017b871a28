using System.Net;
using System.Net.Sockets;
using ControlPlane.Dns;
using ControlPlane.Domains.Probing;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;

namespace ControlPlane.Domains.Preflight;

/// <summary>Where a name leads, by the word of every resolver that knew, and what follows. Pure.</summary>
internal sealed class NameWay
{
    private enum Kind
    {
        Target,
        Ours,
        Another,
        Elsewhere,
        Broken,
        Nowhere,
    }

    private readonly Domain _domain;
    private readonly FleetWays _ways;
    private readonly IReadOnlyList<(DnsAddresses Seen, Kind Kind)> _known;
    private readonly int _ours;

    public NameWay(Domain domain, FleetWays ways, IReadOnlyList<DnsAddresses> answers)
    {
        (_domain, _ways) = (domain, ways);
        // A chain that passes our target is a fact, even when one of its ends could not be asked.
        _known =
        [
            .. answers.Where(seen => seen.IsFact || ways.LeadsToTarget(domain, seen))
                .Select(seen => (seen, KindOf(seen))),
        ];
        _ours = _known.Count(word => word.Kind is Kind.Target or Kind.Ours);
        Foreign = Any(Kind.Another)
            ? []
            : [.. Addresses(Kind.Elsewhere).Where(address => !ways.Own.Owns(address)).Distinct()];
        Own =
        [
            .. _known.Where(word => word.Kind is Kind.Target or Kind.Ours or Kind.Elsewhere)
                .SelectMany(word => word.Seen.Addresses).Distinct().Except(Foreign),
        ];
    }

    /// <summary>False: nobody could be asked.</summary>
    public bool IsKnown => _known.Count > 0;

    /// <summary>More than half of the resolvers see it lead here, and nobody sees it lead to another of our targets:
    /// the others still keep what was there before.</summary>
    public bool IsHere => 2 * _ours > _known.Count && !Any(Kind.Another);

    /// <summary>Every word for it was by the domain's own target.</summary>
    public bool ByTarget => IsHere && _known.All(word => word.Kind != Kind.Ours);

    /// <summary>Addresses that are not ours and from which a probe may yet arrive, as behind a CDN.</summary>
    public IReadOnlyList<IPAddress> Foreign { get; }

    /// <summary>Where it leads to us.</summary>
    public IReadOnlyList<IPAddress> Own { get; }

    /// <summary>What keeps the name from leading here; only a warning when it does.</summary>
    /// <param name="probes">What <see cref="Foreign"/> gave; empty when none was dialled.</param>
    /// <param name="mayNotBeDialled">Tells private and reserved addresses.</param>
    public IEnumerable<Finding> Findings(IReadOnlyList<Probed> probes, Func<IPAddress, bool> mayNotBeDialled)
    {
        if (_ours == _known.Count || (probes.Count > 0 && probes.All(probed => probed.Arrived)))
        {
            return [];
        }

        return _ours > 0 ? [Divided()]
            : Any(Kind.Another) ? [Leads(Reasons.DnsWrongTarget, First(Kind.Another))]
            : Any(Kind.Elsewhere) ? OfElsewhere(First(Kind.Elsewhere), probes, mayNotBeDialled)
            : Any(Kind.Broken) ? [Leads(PreflightReasons.ChainBroken, First(Kind.Broken), ofChain: true)]
            : [Finding.Of(Reasons.DnsNotThere, First(Kind.Nowhere).Detail, ToCreate())];
    }

    private Kind KindOf(DnsAddresses seen) =>
        _ways.LeadsToTarget(_domain, seen) ? Kind.Target
        : _ways.EndsAtOurs(_domain, seen) ? Kind.Ours
        : seen.Status == DnsStatus.ChainBroken ? Kind.Broken
        : _ways.LeadsToAnother(_domain, seen) ? Kind.Another
        : seen.Addresses.Count > 0 ? Kind.Elsewhere
        : Kind.Nowhere;

    private Finding Divided()
    {
        var others = _known.Where(word => word.Kind is not (Kind.Target or Kind.Ours)).Select(word => word.Seen)
            .ToList();
        var kept = others.Max(seen => seen.KeptFor);
        var detail = $"{_ours} of {_known.Count} resolvers see it lead to us; another sees "
            + (others[0].Addresses.Count > 0 ? Some(others[0].Addresses) : others[0].Detail)
            + (kept > TimeSpan.Zero ? $" and may keep that for {kept.TotalSeconds:0} s." : ".");
        return IsHere
            ? Finding.Warning(PreflightReasons.NotEverywhere, detail)
            : Finding.Of(PreflightReasons.NotEverywhere, detail);
    }

    private IEnumerable<Finding> OfElsewhere(
        DnsAddresses seen, IReadOnlyList<Probed> probes, Func<IPAddress, bool> mayNotBeDialled)
    {
        var hidden = Foreign.Where(mayNotBeDialled).ToList();
        if (hidden.Count > 0)
        {
            yield return Finding.Of(
                PreflightReasons.PrivateAddress, $"It leads to {Some(hidden)}.", ToReplace(seen, hidden));
            if (hidden.Count == Foreign.Count)
            {
                yield break;
            }
        }

        var missed = probes.Where(probed => !probed.Arrived).ToList();
        var reached = probes.Count > missed.Count || seen.Addresses.Any(_ways.Own.Owns);
        var left = probes.Count > 0 ? [.. missed.Select(probed => probed.Address)] : Foreign.Except(hidden).ToList();
        if (reached && left.All(address => address.AddressFamily == AddressFamily.InterNetworkV6))
        {
            yield return Finding.Of(
                PreflightReasons.Ipv6Elsewhere, $"It leads to {Some(left)}.", ToReplace(seen, left));
        }
        else if (missed.Count == probes.Count)
        {
            yield return Finding.Of(Reasons.DnsElsewhere, $"It leads to {Some(left)}.", ToReplace(seen, left));
        }

        foreach (var finding in PortFindings.OfOthers(missed))
        {
            yield return finding;
        }
    }

    private Finding Leads(Reason reason, DnsAddresses seen, bool ofChain = false) => Finding.Of(
        reason,
        ofChain ? seen.Detail : $"It leads to {(seen.Chain.Count > 0 ? seen.Chain[^1] : Some(seen.Addresses))}.",
        ToReplace(seen, [.. seen.Addresses.Where(address => !_ways.Own.Owns(address))]));

    /// <summary>The present records to remove, and ours to create where none is there.</summary>
    private IEnumerable<FixStep> ToReplace(DnsAddresses seen, IReadOnlyList<IPAddress> wrong)
    {
        var present = seen.Chain.Count > 0
            ? [new DnsRecordView("CNAME", seen.Name, seen.Chain[0], null)]
            : wrong.Select(address => new DnsRecordView(
                address.AddressFamily == AddressFamily.InterNetworkV6 ? "AAAA" : "A", seen.Name, $"{address}", null));
        var halfThere = seen.Chain.Count == 0 && seen.Addresses.Any(_ways.Own.Owns);
        return present.Select(FixStep.ToRemove).Concat(halfThere ? [] : ToCreate());
    }

    private IEnumerable<FixStep> ToCreate() =>
        DnsRecords.For(_domain, _ways.Own, withProof: false).Select(FixStep.ToCreate);

    private bool Any(Kind kind) => _known.Any(word => word.Kind == kind);

    private DnsAddresses First(Kind kind) => _known.First(word => word.Kind == kind).Seen;

    private IEnumerable<IPAddress> Addresses(Kind kind) =>
        _known.Where(word => word.Kind == kind).SelectMany(word => word.Seen.Addresses);

    /// <summary>A stranger's answer may name thousands; a reader needs a few.</summary>
    private static string Some(IReadOnlyList<IPAddress> addresses) =>
        string.Join(", ", addresses.Take(5)) + (addresses.Count > 5 ? $" and {addresses.Count - 5} more" : "");
}
