using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace ControlPlane.Tests.CertificateAuthorities.Acme;

/// <summary>
/// Pebble, Let's Encrypt's own test CA, with everything on that it teaches clients manners with: it refuses good
/// nonces, sleeps before it looks, uses authorizations again, and is strict. It takes accounts only with an external
/// one and offers two chains. Its DNS is pebble-challtestsrv, which sends every name to loopback.
/// </summary>
internal sealed class Pebble : IAsyncDisposable
{
    public const string EabKeyId = "kid-1";

    public const string EabKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

    private readonly string _folder = Directory.CreateTempSubdirectory("cp-pebble-").FullName;
    private readonly List<Process> _processes = [];
    private readonly ConcurrentQueue<string> _log = new();
    private readonly HttpClient _http;
    private readonly int _port = FreePort.Next();
    private readonly int _managementPort = FreePort.Next();
    private readonly int _dnsPort = FreePort.Next();
    private readonly int _dnsManagementPort = FreePort.Next();

    private Pebble(int httpPort)
    {
        WriteSettings(httpPort);
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(ServerAnchors);
        _http = new HttpClient(new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy } });
    }

    public static bool IsThere { get; } = Program("pebble") is not null && Program("pebble-challtestsrv") is not null;

    public Uri Url => new($"https://127.0.0.1:{_port}/dir");

    /// <summary>The root of its own HTTPS, PEM.</summary>
    public string ServerAnchors => Path.Combine(_folder, "server.pem");

    public IReadOnlyList<string> Log => [.. _log];

    /// <summary>Starts it; names are looked at on loopback, at one port.</summary>
    /// <param name="httpPort">Where tokens are fetched.</param>
    public static async Task<Pebble> StartAsync(int httpPort)
    {
        var pebble = new Pebble(httpPort);
        pebble.Run(
            "pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01",
            $"127.0.0.1:{pebble._dnsPort}", "-http01", "", "-https01", "", "-tlsalpn01", "", "-management",
            $"127.0.0.1:{pebble._dnsManagementPort}");
        pebble.Run(
            "pebble", "-strict", "-config", Path.Combine(pebble._folder, "pebble.json"), "-dnsserver",
            $"127.0.0.1:{pebble._dnsPort}");
        await Eventually.TrueAsync(pebble.AnswersAsync, "pebble answers");
        return pebble;
    }

    /// <summary>One of its two roots; they are made at its start.</summary>
    public async Task<X509Certificate2> RootAsync(int number) => X509Certificate2.CreateFromPem(
        await _http.GetStringAsync($"https://127.0.0.1:{_managementPort}/roots/{number}"));

    /// <summary>Valid or Revoked.</summary>
    public async Task<string> StatusAsync(X509Certificate2 leaf) => (await _http.GetFromJsonAsync<JsonElement>(
        $"https://127.0.0.1:{_managementPort}/cert-status-by-serial/{leaf.SerialNumber}"))
        .GetProperty("Status").GetString()!;

    /// <summary>Sends a name to an address where nobody is.</summary>
    public async Task LeadAwayAsync(string hostname) => (await _http.PostAsJsonAsync(
        $"http://127.0.0.1:{_dnsManagementPort}/add-a",
        new { host = hostname + ".", addresses = new[] { "127.9.9.9" } })).EnsureSuccessStatusCode();

    public async Task LeadBackAsync(string hostname) => (await _http.PostAsJsonAsync(
        $"http://127.0.0.1:{_dnsManagementPort}/clear-a", new { host = hostname + "." })).EnsureSuccessStatusCode();

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
        }

        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string? Program(string name) => $"{Environment.GetEnvironmentVariable("PATH")}".Split(':')
        .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private void Run(string program, params string[] arguments)
    {
        var process = Process.Start(new ProcessStartInfo(Program(program)!, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["PEBBLE_ALTERNATE_ROOTS"] = "1" },
        })!;
        process.OutputDataReceived += (_, line) => _log.Enqueue(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => _log.Enqueue(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
    }

    private async Task<bool> AnswersAsync()
    {
        Assert.DoesNotContain(_processes, process => process.HasExited);
        try
        {
            return (await _http.GetAsync($"https://127.0.0.1:{_managementPort}/roots/1")).IsSuccessStatusCode
                && (await _http.GetAsync(Url)).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private void WriteSettings(int httpPort)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=pebble (not for trust)", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(ServerAnchors, certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, "server.key"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(_folder, "pebble.json"), JsonSerializer.Serialize(new
        {
            pebble = new
            {
                listenAddress = $"127.0.0.1:{_port}",
                managementListenAddress = $"127.0.0.1:{_managementPort}",
                certificate = ServerAnchors,
                privateKey = Path.Combine(_folder, "server.key"),
                httpPort,
                tlsPort = 1,
                externalAccountBindingRequired = true,
                externalAccountMACKeys = new Dictionary<string, string> { [EabKeyId] = EabKey },
                // As long as a public CA's, in seconds; its own default is five years.
                certificateValidityPeriod = 90 * 24 * 3600,
            },
        }));
    }
}
