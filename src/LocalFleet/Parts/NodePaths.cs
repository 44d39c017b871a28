namespace LocalFleet.Parts;

/// <summary>Where a node keeps what.</summary>
internal sealed class NodePaths(FleetLayout layout, int number)
{
    public string Name { get; } = $"node{number}";

    public string Certificates => Path.Combine(layout.Node(number), "certs");

    /// <summary>The agent's: identity, manifest.</summary>
    public string State => Path.Combine(layout.Node(number), "state");

    /// <summary>Holds the one-time code while the node joins.</summary>
    public string JoinCode => Path.Combine(layout.Node(number), "join-code");

    public string Configuration => Path.Combine(layout.Node(number), "haproxy.cfg");

    public string AdminSocket => Path.Combine(layout.Sockets, $"{Name}-admin.sock");

    public string TokenSocket => Path.Combine(layout.Sockets, $"{Name}-tokens.sock");

    public void Create()
    {
        const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(Certificates, Own);
        Directory.CreateDirectory(State, Own);
    }
}
