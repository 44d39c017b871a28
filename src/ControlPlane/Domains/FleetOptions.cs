using System.Net;
using ControlPlane.Contracts;

namespace ControlPlane.Domains;

/// <summary>Settings under <c>Fleet</c>: where customers' names must lead, unless their fleet has a way of its own, and
/// which names are taken.</summary>
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

    /// <summary>True gives each tenant a target of its own, <c>&lt;random&gt;.&lt;CnameTarget&gt;</c>, so that a record
    /// left behind is worth nothing to another tenant. The operator's zone must answer for every name below the
    /// target. Domains registered before keep the target they were told.</summary>
    public bool TenantTargets { get; init; }

    /// <summary>How long a deleted name asks another tenant for fresh proof: 7 days, because records are forgotten for
    /// about as long as a holiday lasts.</summary>
    public TimeSpan Quarantine { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Our own names besides the target's domain, such as the API's host: they and all below are never
    /// taken.</summary>
    public IReadOnlyList<string> OwnNames { get; init; } = [];

    /// <summary>Reserved endings to take nevertheless, such as <c>example</c>: for a lab with a CA and a DNS of its
    /// own.</summary>
    public IReadOnlyList<string> AllowedSpecialUseNames { get; init; } = [];

    /// <summary>All that is wrong with these settings, a sentence each; empty when they can be used.</summary>
    public IEnumerable<string> Faults()
    {
        if (string.IsNullOrEmpty(CnameTarget) && Addresses.Count == 0)
        {
            yield return "Customers must have somewhere to point at: set Fleet__CnameTarget, Fleet__Addresses__0, or "
                + "both.";
        }

        if (CnameTarget is { Length: > 0 } && !HostnameSyntax.IsValid(CnameTarget))
        {
            yield return $"Fleet:CnameTarget is '{CnameTarget}', which is no host name in lower-case A-labels.";
        }

        if (TenantTargets && string.IsNullOrEmpty(CnameTarget))
        {
            yield return "Fleet:TenantTargets needs Fleet:CnameTarget, below which each tenant's target stands.";
        }

        if (Quarantine < TimeSpan.Zero)
        {
            yield return "Fleet:Quarantine is negative.";
        }

        foreach (var address in Addresses.Where(address => !IPAddress.TryParse(address, out _)))
        {
            yield return $"Fleet:Addresses holds '{address}', which is not an IP address.";
        }
    }
}
