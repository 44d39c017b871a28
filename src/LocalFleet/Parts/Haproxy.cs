using LocalFleet.Processes;

namespace LocalFleet.Parts;

/// <summary>A node's HAProxy, master and worker, on the configuration that the agent's program writes.</summary>
internal sealed class Haproxy(
    FleetLayout layout, FleetOptions options, int number) : Part($"node{number}-haproxy", layout)
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
            "--out", _paths.Configuration,
            "--haproxy", Programs.Haproxy,
            "--https", $"{options.Bind}:{ports.NodeHttps(number)}",
            "--http", $"{options.Bind}:{ports.NodeHttp(number)}",
            "--certs", _paths.Certificates,
            "--socket", _paths.AdminSocket,
            "--token-socket", _paths.TokenSocket,
            "--expect-proxy-from", Nlb.Source,
            "--app", $"127.0.0.1:{ports.Application(1)}",
            "--app", $"127.0.0.1:{ports.Application(2)}",
            "--app-ca", Layout.ApplicationAuthority,
            "--app-sni", LocalNames.Application,
            // Each connection takes two descriptors, and an ordinary user has often no more than 4096.
            "--maxconn", "1500",
        ];
        foreach (var other in Enumerable.Range(1, options.Nodes).Where(other => other != number))
        {
            arguments.AddRange(["--backup-node", $"127.0.0.1:{ports.NodeHttp(other)}"]);
        }

        await Tool.RunAsync(Programs.Own("SyncAgent", arguments), cancellation);
        // The worker ends with its master, and both by TERM: nothing of HAProxy outlives this program.
        return new ChildStart(Programs.Haproxy, ["-W", "-f", _paths.Configuration]) { DeathSignal = Signals.Terminate };
    }

    protected override Task<bool> IsReadyAsync(CancellationToken cancellation) =>
        Probe.ConnectsAsync(options.Ports.NodeHttp(number), cancellation);
}
