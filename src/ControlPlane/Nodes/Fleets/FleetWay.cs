using System.Net;
using ControlPlane.Database;
using ControlPlane.Dns;
using ControlPlane.Domains;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Fleets;

/// <summary>Where the names of one fleet must lead: a CNAME target, addresses, or both.</summary>
internal sealed record FleetWay(string? CnameTarget, IReadOnlyList<string> Addresses)
{
    /// <summary>A fleet's own way, or, where it was given none, the configured one.</summary>
    public static FleetWay Of(Fleet fleet, FleetOptions configured) =>
        fleet.CnameTarget is null && fleet.Addresses.Count == 0
            ? Of(configured)
            : new FleetWay(fleet.CnameTarget, fleet.Addresses);

    public static FleetWay Of(FleetOptions configured) =>
        new(configured.CnameTarget is { Length: > 0 } target ? target : null, configured.Addresses);

    public bool Owns(IPAddress address) => Addresses.Any(own => IPAddress.Parse(own).Equals(address));

    /// <summary>The target itself, or a tenant's below it.</summary>
    public bool OwnsName(string name) => CnameTarget is { } target && (DnsName.Comparer.Equals(name, target)
        || name.EndsWith("." + target, StringComparison.OrdinalIgnoreCase));
}

/// <summary>A domain's own fleet's way among those of all fleets: a name that leads to another fleet leads to us, and
/// yet to nobody who serves it.</summary>
/// <param name="Own">The fleet the domain belongs to.</param>
/// <param name="Others">All others.</param>
internal sealed record FleetWays(FleetWay Own, IReadOnlyList<FleetWay> Others)
{
    /// <summary>Fleets are few: 34 serve a million domains.</summary>
    public static async Task<FleetWays> ReadAsync(
        ControlPlaneDb db, Guid fleet, FleetOptions configured, CancellationToken ct)
    {
        var all = await db.Fleets.AsNoTracking().ToListAsync(ct);
        var own = FleetWay.Of(all.Single(row => row.Id == fleet), configured);
        return new FleetWays(
            own,
            [
                .. all.Where(row => row.Id != fleet).Select(row => FleetWay.Of(row, configured))
                    .Where(way => way != own),
            ]);
    }

    /// <summary>Whether a chain of CNAMEs leads to the domain's own target. The first name of ours on the way decides:
    /// every tenant's target ends at a fleet, and another tenant's or fleet's is none of this one's.</summary>
    public bool LeadsToTarget(Domain domain, DnsAddresses found)
    {
        var first = found.Chain.FirstOrDefault(name => Own.OwnsName(name) || Others.Any(way => way.OwnsName(name)));
        return first is not null && (domain.CnameTarget ?? Own.CnameTarget) is { } target
            && DnsName.Comparer.Equals(first, target);
    }

    /// <summary>True when the way passes another tenant's target, another fleet's, or ends at another fleet's
    /// addresses: that it is ours proves nothing for this domain.</summary>
    public bool LeadsToAnother(Domain domain, DnsAddresses found) => !LeadsToTarget(domain, found)
        && (found.Chain.Any(name => Own.OwnsName(name) || Others.Any(way => way.OwnsName(name)))
            || found.Addresses.Any(address => !Own.Owns(address) && Others.Any(way => way.Owns(address))));

    /// <summary>Nothing but the fleet's addresses, and through nobody's target: then the way says whose name it is
    /// meant to be, and it is not this tenant's.</summary>
    public bool EndsAtOurs(Domain domain, DnsAddresses found) =>
        found.IsFact && found.Addresses.Count > 0 && found.Addresses.All(Own.Owns) && !LeadsToAnother(domain, found);
}
