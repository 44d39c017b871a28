using System.Text.Json;
using LocalFleet.Processes;

namespace LocalFleet.Parts;

/// <summary>The stand-in for DigiCert CertCentral: it really fetches the token, through the NLB stand-in, and really
/// signs.</summary>
internal sealed class Sandbox(FleetLayout layout, FleetOptions options) : Part("sandbox-ca", layout)
{
    /// <summary>From how many addresses of loopback it looks at a token.</summary>
    public const int Perspectives = 4;

    private static readonly HttpClient Client = new() { Timeout = TimeSpan.FromSeconds(10) };

    public string Url { get; } = $"http://127.0.0.1:{options.Ports.Sandbox}";

    /// <summary>Goes into X-DC-DEVKEY.</summary>
    public string ApiKey => FleetLayout.SecretIn(Layout.SandboxKey);

    /// <summary>What the sandbox counted: calls by route since its start, orders over all its life.</summary>
    public async Task<SandboxCounts> CountAsync(IReadOnlySet<string> hostnames, CancellationToken cancellation)
    {
        using var stats = JsonDocument.Parse(await Client.GetStringAsync($"{Url}/sandbox/stats", cancellation));
        var names = stats.RootElement.GetProperty("orders").GetProperty("byCommonName").EnumerateObject()
            .Where(name => hostnames.Contains(name.Name)).ToList();
        var calls = stats.RootElement.GetProperty("calls").EnumerateObject()
            .SelectMany(route => route.Value.EnumerateObject()).Sum(status => status.Value.GetInt64());
        return new SandboxCounts(
            names.Sum(n => n.Value.GetProperty("total").GetInt32()),
            names.Sum(n => n.Value.GetProperty("live").GetInt32()),
            calls);
    }

    protected override Task<ChildStart> DescribeAsync(CancellationToken cancellation)
    {
        var start = Programs.Own("CertCentralSandbox", [
            "--listen", $"{options.Bind}:{options.Ports.Sandbox}",
            "--state", Layout.SandboxState,
            "--api-key", ApiKey,
            "--dns", $"127.0.0.1:{options.Ports.Dns}",
            "--http-port", $"{options.Ports.NlbHttp}",
            "--https-port", $"{options.Ports.NlbHttps}",
            "--root-out", Layout.RootCertificate,
            "--seed", $"{options.Seed}",
            "--perspectives", $"{Perspectives}",
            .. options.SandboxArguments]);
        return Task.FromResult(start);
    }

    protected override async Task<bool> IsReadyAsync(CancellationToken cancellation) =>
        await Probe.StatusOfAsync(Url, cancellation) == 200 && File.Exists(Layout.RootCertificate);
}

/// <param name="Orders">Orders ever placed for the asked names.</param>
/// <param name="LiveOrders">Those that are neither canceled nor rejected.</param>
/// <param name="Calls">Calls of the API, for whatever name, since the sandbox started.</param>
internal sealed record SandboxCounts(int Orders, int LiveOrders, long Calls);
