using System.Net;

namespace ControlPlane.Domains;

/// <summary>Settings under <c>Fleet</c>: where customers' names must lead.</summary>
internal sealed class FleetOptions
{
    /// <summary>The fleet that new domains belong to.</summary>
    public string Name { get; set; } = "default";

    /// <summary>The name customers point a CNAME at, such as <c>edge.example.com</c>.</summary>
    public string CnameTarget { get; set; } = "";

    /// <summary>The fleet's public addresses, for names at a zone's apex, where no CNAME can stand (RFC 1034 §3.6.2).</summary>
    public IList<string> Addresses { get; set; } = [];

    /// <summary>Port at which a name's own addresses are probed when they are not ours; 80 outside tests.</summary>
    public int ProbePort { get; set; } = 80;

    /// <summary>True only where the fleet itself is on loopback or private addresses (local runs): otherwise a customer's
    /// record could turn our probe against our own network.</summary>
    public bool ProbeReservedAddresses { get; set; }

    public bool Owns(IPAddress address) => Addresses.Any(own => IPAddress.Parse(own).Equals(address));
}
