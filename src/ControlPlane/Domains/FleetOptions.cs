namespace ControlPlane.Domains;

/// <summary>Where customers' names must lead: the section <c>Fleet</c>.</summary>
internal sealed class FleetOptions
{
    public const string Section = "Fleet";

    /// <summary>The fleet that new domains are served by. Made when it is first needed.</summary>
    public string Name { get; init; } = "main";

    /// <summary>The name customers point a CNAME at, such as <c>edge.controlplane.example</c>.</summary>
    public string? CnameTarget { get; init; }

    /// <summary>The fleet's public addresses, for names that cannot have a CNAME (a domain's own apex).</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];
}
