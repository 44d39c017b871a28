using System.Net;
using System.Net.Sockets;
using ControlPlane.Domains.Hostnames;
using ControlPlane.Domains.Ownership;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;

namespace ControlPlane.Domains.Reading;

/// <summary>The records a customer must create so that a name leads to the fleet.</summary>
internal static class DnsRecords
{
    /// <param name="domain">The registration.</param>
    /// <param name="fleet">Where names of its fleet must lead.</param>
    /// <param name="withProof">Whether its TXT record is still to be seen.</param>
    public static IReadOnlyList<DnsRecordView> For(Domain domain, FleetWay fleet, bool withProof) =>
        withProof ? [.. WayHere(domain, fleet), Proof(domain)] : WayHere(domain, fleet);

    /// <summary>The record that shows whose the name is.</summary>
    public static DnsRecordView Proof(Domain domain) => new(
        "TXT", OwnershipRecord.NameFor(domain.Hostname), OwnershipRecord.ValueFor(domain),
        "Shows that the name is yours; it may be removed when the domain is active.");

    private static IReadOnlyList<DnsRecordView> WayHere(Domain domain, FleetWay fleet)
    {
        var hostname = domain.Hostname;
        // A CNAME may not stand beside other records (RFC 1034 §3.6.2), and every apex has SOA and NS.
        var apex = PublicSuffixes.IsApex(hostname);
        if ((domain.CnameTarget ?? fleet.CnameTarget) is { } target && !(apex && fleet.Addresses.Count > 0))
        {
            return
            [
                new("CNAME", hostname, target, apex
                    ? "This name is a domain's apex: use ALIAS, ANAME or a flattened CNAME, as the DNS provider calls "
                        + "it."
                    : null),
            ];
        }

        return
        [
            .. fleet.Addresses.Select(address => new DnsRecordView(
                IPAddress.Parse(address).AddressFamily == AddressFamily.InterNetworkV6 ? "AAAA" : "A", hostname,
                address, null)),
        ];
    }
}
