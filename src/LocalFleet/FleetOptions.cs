using System.Net;

namespace LocalFleet;

/// <summary>What a fleet is made of. Tests and <c>make up</c> differ in nothing but this.</summary>
internal sealed record FleetOptions
{
    /// <summary>Where everything is kept. A fleet started over an existing directory continues it.</summary>
    public required string Directory { get; init; }

    public FleetPorts Ports { get; init; } = new(0);

    /// <summary>HAProxy processes with an agent each (1–9).</summary>
    public int Nodes { get; init; } = 3;

    /// <summary>Control planes over the one database (1–5).</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>Where the API, the sandbox CA, the nodes and the NLB stand-in listen. Loopback, but in a container
    /// every address: its ports are published from outside. The database and the DNS listen on loopback
    /// always.</summary>
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    /// <summary>Seed of the sample names and of the sandbox CA's dice.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Further options of the sandbox CA, such as <c>--issue-delay 2s</c>.</summary>
    public IReadOnlyList<string> SandboxArguments { get; init; } = [];

    /// <summary>Further settings of every control plane, as environment variables.</summary>
    public IReadOnlyDictionary<string, string?> ControlPlaneSettings { get; init; } = new Dictionary<string, string?>();

    /// <summary>Data of the database; null: in <see cref="Directory"/>, and for root in /var/lib.</summary>
    public string? DatabaseDirectory { get; init; }
}
