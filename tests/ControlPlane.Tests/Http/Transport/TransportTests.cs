using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Database;
using ControlPlane.Http.Transport;
using ControlPlane.Tests.Nodes;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using NSubstitute;

namespace ControlPlane.Tests.Http.Transport;

/// <summary>The program with a certificate of its own, called by somebody who believes one private CA only.</summary>
public sealed class TransportTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cp-tls-");
    private readonly TestClock _clock = new();
    private readonly (X509Certificate2 Root, X509Certificate2 Middle) _authority = MakeAuthority();

    private string CertificateFile => Path.Combine(_folder.FullName, "tls.crt");

    private string KeyFile => Path.Combine(_folder.FullName, "tls.key");

    [Fact]
    public async Task The_API_speaks_TLS_and_shows_a_renewed_certificate_without_a_restart()
    {
        var first = Write();
        await using var app = Start();

        using (var stream = await ShakeHandsAsync(app))
        {
            // The caller knows the root only: the intermediate came with the leaf.
            Assert.Equal(first, stream.RemoteCertificate!.GetSerialNumberString());
            Assert.True(stream.SslProtocol is SslProtocols.Tls12 or SslProtocols.Tls13, $"{stream.SslProtocol}");
            Assert.Contains("Strict-Transport-Security: max-age=31536000", await GetAsync(stream));
        }

        var second = Write();
        _clock.Advance(TimeSpan.FromSeconds(11));
        using (var stream = await ShakeHandsAsync(app))
        {
            Assert.Equal(second, stream.RemoteCertificate!.GetSerialNumberString());
        }

        // Half written: the one in use stays.
        await File.WriteAllTextAsync(CertificateFile, "-----BEGIN CERTIFICATE-----\n");
        _clock.Advance(TimeSpan.FromSeconds(11));
        using (var stream = await ShakeHandsAsync(app))
        {
            Assert.Equal(second, stream.RemoteCertificate!.GetSerialNumberString());
        }
    }

    [Fact]
    public void A_key_that_everybody_may_read_is_refused_at_start()
    {
        Write();
        File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);

        var refusal = Assert.ThrowsAny<Exception>(() => Start());

        Assert.Contains("chmod 640", refusal.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://0.0.0.0:8080", HealthStatus.Degraded)]
    [InlineData("http://[::]:8080", HealthStatus.Degraded)]
    [InlineData("http://192.0.2.1:8080", HealthStatus.Degraded)]
    [InlineData("http://127.0.0.1:8080", HealthStatus.Healthy)]
    [InlineData("http://[::1]:8080", HealthStatus.Healthy)]
    [InlineData("https://0.0.0.0:8443", HealthStatus.Healthy)]
    public async Task Clear_text_beyond_loopback_is_told_in_readyz(string address, HealthStatus expected)
    {
        var addresses = Substitute.For<IServerAddressesFeature>();
        addresses.Addresses.Returns([address]);
        var server = Substitute.For<IServer>();
        var features = new FeatureCollection();
        features.Set(addresses);
        server.Features.Returns(features);

        var result = await new TransportCheck(server).CheckHealthAsync(new HealthCheckContext());

        Assert.Equal(expected, result.Status);
        Assert.Equal(
            expected == HealthStatus.Degraded,
            result.Description?.Contains(address, StringComparison.Ordinal) == true);
    }

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        _authority.Root.Dispose();
        _authority.Middle.Dispose();
    }

    private WebApplicationFactory<ControlPlaneDb> Start()
    {
        var app = new WebApplicationFactory<ControlPlaneDb>().WithWebHostBuilder(host => host
            .UseSetting("urls", "https://127.0.0.1:0")
            .UseSetting("Https:CertificateFile", CertificateFile)
            .UseSetting("Https:KeyFile", KeyFile)
            .UseSetting("Jobs:Enabled", "false")
            .UseSetting("Dns:Servers:0", "127.0.0.1:9")
            .UseSetting("Vault:CanOpen", "false")
            .UseSetting("CertCentral:ApiKey", "never-used")
            .UseSetting("TokenStore:Directory", _folder.FullName)
            .UseSetting("ConnectionStrings:ControlPlane", database.ConnectionString)
            .UseSetting("Fleet:CnameTarget", "edge.controlplane.example")
            .UseSetting("Fleet:Addresses:0", "192.0.2.1")
            .ConfigureTestServices(services =>
            {
                services.RemoveAll<TimeProvider>();
                services.AddSingleton<TimeProvider>(_clock);
            }));
        app.UseKestrel();
        app.StartServer();
        return app;
    }

    private async Task<SslStream> ShakeHandsAsync(WebApplicationFactory<ControlPlaneDb> app)
    {
        var address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!
            .Addresses.Single());
        Assert.Equal("https", address.Scheme);
        var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", address.Port);
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.Add(_authority.Root);
        var stream = new SslStream(socket.GetStream());
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "controlplane.example",
            CertificateChainPolicy = policy,
        });
        return stream;
    }

    private static async Task<string> GetAsync(SslStream stream)
    {
        await stream.WriteAsync("GET /healthz HTTP/1.1\r\nHost: controlplane.example\r\nConnection: close\r\n\r\n"u8
            .ToArray());
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    /// <summary>Writes a new leaf with its intermediate, and its key; returns its serial.</summary>
    private string Write()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=controlplane.example", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("controlplane.example");
        request.CertificateExtensions.Add(names.Build());
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = 0x11;
        using var leaf = request.Create(
            _authority.Middle, _authority.Middle.NotBefore, _authority.Middle.NotAfter, serial);
        File.WriteAllText(
            CertificateFile, $"{leaf.ExportCertificatePem()}\n{_authority.Middle.ExportCertificatePem()}\n");
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
        File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return Convert.ToHexString(serial);
    }

    private static (X509Certificate2 Root, X509Certificate2 Middle) MakeAuthority()
    {
        var now = TimeProvider.System.GetUtcNow();
        var root = Request("CN=test root").CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var middle = Request("CN=test intermediate", key)
            .Create(root, now.AddDays(-1), now.AddDays(29), RandomNumberGenerator.GetBytes(8));
        return (root, middle.CopyWithPrivateKey(key));

        static CertificateRequest Request(string name, ECDsa? key = null)
        {
            var request = new CertificateRequest(
                name, key ?? ECDsa.Create(ECCurve.NamedCurves.nistP256), HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            return request;
        }
    }
}
