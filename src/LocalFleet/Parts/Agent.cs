using System.Text.Json;
using LocalFleet.Processes;

namespace LocalFleet.Parts;

/// <summary>A node's agent.</summary>
internal sealed class Agent(FleetLayout layout, FleetOptions options, int number, string apiUrl)
    : Part($"node{number}-agent", layout)
{
    private readonly NodePaths _paths = new(layout, number);

    public string NodeName => _paths.Name;

    /// <summary>Only the agent's own file tells: it is written when the control plane has accepted the node.</summary>
    public bool IsEnrolled => File.Exists(Card);

    /// <summary>Its id at the control plane; null before it has one.</summary>
    public string? NodeId => IsEnrolled
        ? JsonDocument.Parse(File.ReadAllText(Card)).RootElement.GetProperty("node").GetString()
        : null;

    private string Card => Path.Combine(_paths.State, "node.json");

    /// <summary>Makes it a new node, as one does after a ban: no key and no manifest of the old one is left.</summary>
    public void Forget() => Directory.Delete(_paths.State, recursive: true);

    public async Task EnrolAsync(string joinCode, CancellationToken cancellation)
    {
        _paths.Create();
        FleetLayout.WriteSecret(_paths.JoinCode, joinCode);
        try
        {
            await Tool.RunAsync(
                Programs.Own("SyncAgent", [
                    "enroll",
                    "--api", apiUrl,
                    "--name", NodeName,
                    "--http-endpoint", $"127.0.0.1:{options.Ports.NodeHttp(number)}",
                    "--state", _paths.State,
                    "--join-code-file", _paths.JoinCode]),
                cancellation);
        }
        finally
        {
            File.Delete(_paths.JoinCode);
        }
    }

    protected override Task<ChildStart> DescribeAsync(CancellationToken cancellation) => Task.FromResult(
        Programs.Nice(Programs.Own("SyncAgent", [
            "run",
            "--api", apiUrl,
            "--state", _paths.State,
            "--certs", _paths.Certificates,
            "--socket", _paths.AdminSocket,
            "--https", $"127.0.0.1:{options.Ports.NodeHttps(number)}",
            "--token-dir", Layout.Tokens,
            "--token-socket", _paths.TokenSocket,
            "--status", $"127.0.0.1:{options.Ports.NodeStatus(number)}",
            "--trust", Layout.RootCertificate])));

    protected override async Task<bool> IsReadyAsync(CancellationToken cancellation) =>
        await Probe.StatusOfAsync(
            $"http://127.0.0.1:{options.Ports.NodeHttp(number)}/.well-known/node-ready", cancellation) == 200;
}
