using System.Net;
using System.Net.Sockets;
using ControlPlane.Domains.Hostnames;

namespace ControlPlane.Domains.Reading;

/// <summary>The records a customer must create so that a name leads to the fleet.</summary>
internal static class DnsRecords
{
    public static IReadOnlyList<DnsRecordView> For(string hostname, FleetOptions fleet)
    {
        // A CNAME may not stand beside other records (RFC 1034 §3.6.2), and every apex has SOA and NS.
        var apex = PublicSuffixes.IsApex(hostname);
        if (fleet.CnameTarget is { } target && !(apex && fleet.Addresses.Count > 0))
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

/// <summary>A DNS record to create.</summary>
/// <param name="Type">CNAME, A or AAAA.</param>
/// <param name="Name">The name to create it for.</param>
/// <param name="Value">What it points at.</param>
/// <param name="Note">What to mind; null when nothing.</param>
internal sealed record DnsRecordView(string Type, string Name, string Value, string? Note);
