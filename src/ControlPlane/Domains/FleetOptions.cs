using System.Net;

namespace ControlPlane.Domains;

/// <summary>Settings under <c>Fleet</c>: where customers' names must lead.</summary>
internal sealed class FleetOptions
{
    public const string Section = "Fleet";

    /// <summary>The fleet that new domains belong to. Made at start when it does not exist.</summary>
    public string Name { get; init; } = "default";

    /// <summary>The name customers point a CNAME at, such as <c>edge.example.com</c>.</summary>
    public string? CnameTarget { get; init; }

    /// <summary>The fleet's public addresses, for names at a zone's apex, where no CNAME can stand (RFC 1034
    /// §3.6.2).</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>Port at which a name's own addresses are probed when they are not ours; 80 outside tests.</summary>
    public int ProbePort { get; init; } = 80;

    /// <summary>True only where the fleet itself is on loopback or private addresses (local runs): otherwise a
    /// customer's record could turn our probe against our own network.</summary>
    public bool ProbeReservedAddresses { get; init; }

    public bool Owns(IPAddress address) => Addresses.Any(own => IPAddress.Parse(own).Equals(address));

    /// <summary>All that is wrong with these settings, a sentence each; empty when they can be used.</summary>
    public IEnumerable<string> Faults()
    {
        if (string.IsNullOrEmpty(CnameTarget) && Addresses.Count == 0)
        {
            yield return "Customers must have somewhere to point at: set Fleet__CnameTarget, Fleet__Addresses__0, or "
                + "both.";
        }

        foreach (var address in Addresses.Where(address => !IPAddress.TryParse(address, out _)))
        {
            yield return $"Fleet:Addresses holds '{address}', which is not an IP address.";
        }
    }
}
