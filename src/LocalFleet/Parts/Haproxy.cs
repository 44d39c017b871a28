using LocalFleet.Processes;

namespace LocalFleet.Parts;

/// <summary>A node's HAProxy, master and worker, on the configuration that the agent's program writes.</summary>
internal sealed class Haproxy(FleetLayout layout, FleetOptions options, int number) : Part($"node{number}-haproxy", layout)
{
    private readonly NodePaths _paths = new(layout, number);

    public string AdminSocket => _paths.AdminSocket;

    public string Certificates => _paths.Certificates;

    protected override async Task<ChildStart> DescribeAsync(CancellationToken cancellation)
    {
        _paths.Create();
        var ports = options.Ports;
        List<string> arguments =
        [
            "haproxy-config",
            "--https", $"{options.Bind}:{ports.NodeHttps(number)}",
            "--http", $"{options.Bind}:{ports.NodeHttp(number)}",
            "--certificates", _paths.Certificates,
            "--haproxy-socket", _paths.AdminSocket,
            "--token-socket", _paths.TokenSocket,
            "--expect-proxy-from", Nlb.Source,
            "--application", $"127.0.0.1:{ports.Application(1)}",
            "--application", $"127.0.0.1:{ports.Application(2)}",
            "--application-ca", Layout.ApplicationAuthority,
            "--application-name", LocalNames.Application,
        ];
        foreach (var other in Enumerable.Range(1, options.Nodes).Where(other => other != number))
        {
            arguments.AddRange(["--backup-node", $"127.0.0.1:{ports.NodeHttp(other)}"]);
        }

        await File.WriteAllTextAsync(
            _paths.Configuration, await Tool.RunAsync(Programs.Own("SyncAgent", arguments), cancellation), cancellation);
        // The worker ends with its master, and both by TERM: nothing of HAProxy outlives this program.
        return new ChildStart(Programs.Haproxy, ["-W", "-f", _paths.Configuration]) { DeathSignal = Signals.Terminate };
    }

    protected override Task<bool> IsReadyAsync(CancellationToken cancellation) =>
        Probe.ConnectsAsync(options.Ports.NodeHttp(number), cancellation);
}
