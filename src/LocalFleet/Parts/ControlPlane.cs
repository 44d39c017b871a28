using LocalFleet.Processes;

namespace LocalFleet.Parts;

/// <summary>One replica of the control plane.</summary>
internal sealed class ControlPlane(
    FleetLayout layout, FleetOptions options, int replica, Postgres database, Sandbox sandbox)
    : Part(replica == 1 ? "control-plane" : $"control-plane-{replica}", layout)
{
    public string Url { get; } = $"http://127.0.0.1:{options.Ports.Api(replica)}";

    /// <summary>Runs one of its commands, such as <c>keys create</c>, on the same settings.</summary>
    public Task<string> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellation) => Tool.RunAsync(
        Programs.Own("ControlPlane", arguments) with { Environment = Settings() }, cancellation);

    protected override async Task<ChildStart> DescribeAsync(CancellationToken cancellation)
    {
        if (replica == 1)
        {
            await File.WriteAllTextAsync(Layout.ControlPlaneSettings, ForShell(), cancellation);
        }

        return Programs.Own("ControlPlane") with { Environment = Settings() };
    }

    protected override async Task<bool> IsReadyAsync(CancellationToken cancellation) =>
        await Probe.StatusOfAsync($"{Url}/readyz", cancellation) == 200;

    /// <summary>Secrets are read from their own files when the shell reads this one.</summary>
    private string ForShell() => string.Concat(Settings().Where(setting => setting.Value is not null).Select(
        setting => $"export {setting.Key}=\"{setting.Value!
            .Replace(FleetLayout.SecretIn(Layout.DatabasePassword), $"$(cat '{Layout.DatabasePassword}')")
            .Replace(sandbox.ApiKey, $"$(cat '{Layout.SandboxKey}')")}\"\n"));

    private Dictionary<string, string?> Settings()
    {
        var settings = new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = $"http://{options.Bind}:{options.Ports.Api(replica)}",
            // Set in Microsoft's images; it would contradict the line above.
            ["ASPNETCORE_HTTP_PORTS"] = null,
            ["ConnectionStrings__ControlPlane"] = database.ConnectionString,
            // Here the program migrates at its own start; elsewhere only `ControlPlane migrate` knows the owner.
            ["ConnectionStrings__Migrations"] = database.OwnerConnectionString,
            ["CertCentral__BaseUrl"] = $"{sandbox.Url}/services/v2",
            ["CertCentral__ApiKey"] = sandbox.ApiKey,
            ["CertCentral__Perspectives"] = $"{Sandbox.Perspectives}",
            // The one root that chains must end at here: the sandbox's, which no machine trusts.
            ["CertCentral__TrustAnchors"] = Layout.RootCertificate,
            ["TokenStore__Directory"] = Layout.Tokens,
            ["Vault__KeyFile"] = Layout.VaultKey,
            ["Vault__CanOpen"] = "true",
            ["Fleet__Name"] = "local",
            ["Fleet__CnameTarget"] = LocalNames.Edge,
            // Nobody can own what ends in .example, and here that is the point.
            ["Fleet__AllowedSpecialUseNames__0"] = "example",
            ["Fleet__Addresses__0"] = "127.0.0.1",
            // Here the fleet itself is on loopback.
            ["Fleet__ProbeReservedAddresses"] = "true",
            // And so are receivers that somebody tries out.
            ["Webhooks__AllowReservedAddresses"] = "true",
            ["Fleet__ProbePort"] = $"{options.Ports.NlbHttp}",
            ["Dns__Servers__0"] = $"127.0.0.1:{options.Ports.Dns}",
        };
        foreach (var (key, value) in options.ControlPlaneSettings)
        {
            settings[key] = value;
        }

        return settings;
    }
}
