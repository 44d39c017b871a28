using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using SyncAgent.HAProxy;
using SyncAgent.Tests.Syncing;

namespace SyncAgent.Tests.HAProxy;

/// <summary>The written configuration in a real HAProxy, with a real agent behind it and an application that speaks
/// TLS.</summary>
public sealed class ConfigurationTests : IAsyncLifetime
{
    private readonly TestAuthority _authority = new();
    private RealHaproxy _proxy = null!;
    private ApiStandIn _api = null!;
    private WebApplication _application = null!;
    private TestBundle _shop = null!;

    public async ValueTask InitializeAsync()
    {
        _proxy = RealHaproxy.Prepare();
        _api = await ApiStandIn.Start();
        _shop = _authority.Issue("shop.example.com");
        var port = FreePort.Next();
        _application = await StartApplication(port);
        File.WriteAllText(Path.Combine(_proxy.Home, "app-ca.pem"), _authority.RootPem);
        File.WriteAllText(_proxy.PathOf(_shop.Hostname).Value, _shop.Pem);
        Directory.CreateDirectory(Path.Combine(_proxy.Home, "tokens", _shop.Hostname));
        File.WriteAllText(Path.Combine(_proxy.Home, "tokens", _shop.Hostname, "7"), "token-of-order-7\n");
        Configure(_proxy, port, []);
    }

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        await _api.DisposeAsync();
        await _proxy.DisposeAsync();
        _authority.Dispose();
    }

    [Fact]
    public async Task Visitors_reach_the_application_over_tls_on_both_sides_and_http_is_sent_to_https()
    {
        await _proxy.Run();

        var page = await Get(_proxy.HttpsPort, "/hello", tls: "shop.example.com");
        var plain = await Get(_proxy.HttpPort, "/hello?a=b", tls: null);

        Assert.Contains("application saw https", page, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 308", plain, StringComparison.Ordinal);
        Assert.Contains("location: https://shop.example.com/hello?a=b", plain, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("strict-transport-security", page, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_host_that_is_not_the_names_own_is_misdirected()
    {
        await _proxy.Run();

        var answer = await Get(_proxy.HttpsPort, "/", tls: "shop.example.com", host: "other.example.com");

        Assert.StartsWith("HTTP/1.1 421", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_are_answered_by_the_agent_on_both_ports_and_readiness_by_the_monitor_address()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        await _proxy.Run();
        _api.Want(_shop);
        const string Path = "/.well-known/pki-validation/fileauth.txt";

        await Eventually.True(
            async () => (await Get(_proxy.HttpPort, Path, null)).EndsWith("token-of-order-7", StringComparison.Ordinal),
            () => "the token is served on port 80");
        Assert.EndsWith(
            "token-of-order-7", await Get(_proxy.HttpsPort, Path, "shop.example.com"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 404", await Get(_proxy.HttpPort, Path + "/x", null), StringComparison.Ordinal);
        Assert.StartsWith(
            "HTTP/1.1 404", await Get(
                _proxy.HttpPort, Path, null, host: "other.example.com"), StringComparison.Ordinal);
        await Eventually.True(
            async () => (await Get(_proxy.HttpPort, "/.well-known/node-ready", null)).StartsWith(
                "HTTP/1.1 200", StringComparison.Ordinal),
            () => "the node is ready");
    }

    /// <summary>Threat: token abuse. Fails when anything but the exact name and path is answered with the token, or
    /// when a token outlives its order.</summary>
    [Fact]
    public async Task A_token_is_given_for_its_exact_Host_and_path_only_and_no_longer_than_its_order_lives()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        await _proxy.Run();
        const string Path = "/.well-known/pki-validation/fileauth.txt";
        await Eventually.True(
            async () => (await Get(_proxy.HttpPort, Path, null)).EndsWith("token-of-order-7", StringComparison.Ordinal),
            () => "the token is served");
        string[] hosts =
        [
            "", ".", "shop", "shop.example.com.", "shop.example.com.evil.com", "evil.shop.example.com",
            "hop.example.com",
            "shop.example.com@evil.com", "evil.com@shop.example.com", "shop.example.com/..", "../shop.example.com",
            "shop.example.com%00", "shop%2eexample.com", "shop.example.com,evil.com", "[::1]", "127.0.0.1", "*",
            "*.example.com", "xn--shop-.example.com", "shop.example.com\tx",
        ];
        string[] paths =
        [
            "/.well-known/pki-validation/", "/.well-known/pki-validation/7",
            "/.well-known/pki-validation/fileauth.txt/",
            "/.well-known/pki-validation/fileauth.txt/..", "/.well-known/pki-validation/../pki-validation/x",
            "/.well-known/pki-validation/FILEAUTH.TXT", "/.Well-Known/pki-validation/fileauth.txt",
            "/.well-known/pki-validation/fileauth.txt%00", "/.well-known/pki-validation/fileauth.txt.",
            "/.well-known/pki-validation//fileauth.txt", "//.well-known/pki-validation/fileauth.txt",
            "/.well-known/pki-validation/..%2f..%2fetc%2fpasswd", "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/7", "/.well-known/acme-challenge/..%2f7",
            "/.well-known/pki-validation/%2e%2e/7",
            "/.well-known/pki-validation/fileauth.txt;x", "/.well-known/pki-validation/shop.example.com/7",
        ];
        foreach (var host in hosts)
        {
            Assert.DoesNotContain(
                "token-of-order", await Get(_proxy.HttpPort, Path, null, host), StringComparison.Ordinal);
        }

        foreach (var path in paths)
        {
            var answer = await Get(_proxy.HttpPort, path, null);
            Assert.DoesNotContain("token-of-order", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("HTTP/1.1 200", answer, StringComparison.Ordinal);
        }

        File.Delete(System.IO.Path.Combine(_proxy.Home, "tokens", _shop.Hostname, "7"));
        await Eventually.True(
            async () => (await Get(_proxy.HttpPort, Path, null)).StartsWith("HTTP/1.1 404", StringComparison.Ordinal),
            () => "the token is withdrawn");
    }

    [Fact]
    public async Task Without_its_agent_a_node_asks_another_and_two_without_agents_do_not_ask_each_other_for_ever()
    {
        await using var other = RealHaproxy.Prepare();
        Configure(other, FreePort.Next(), [$"127.0.0.1:{_proxy.HttpPort}"]);
        Configure(_proxy, FreePort.Next(), [$"127.0.0.1:{other.HttpPort}"]);
        await _proxy.Run();
        await other.Run();
        const string Path = "/.well-known/pki-validation/fileauth.txt";

        await Eventually.True(
            async () => (await Get(other.HttpPort, Path, null)).StartsWith("HTTP/1.1 503", StringComparison.Ordinal),
            () => "both say that nobody answers");
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        await Eventually.True(
            async () => (await Get(other.HttpPort, Path, null)).EndsWith("token-of-order-7", StringComparison.Ordinal),
            () => "the other node's agent answers");
    }

    [Fact]
    public async Task Proxy_protocol_is_taken_from_the_nlb_alone()
    {
        await _proxy.Run();
        const string Line = "PROXY TCP4 203.0.113.9 127.0.0.1 1 443\r\n";

        var fromNlb = await Get(_proxy.HttpPort, "/x", null, from: IPAddress.Parse("127.0.0.2"), preface: Line);
        var fromVisitor = await Get(_proxy.HttpPort, "/x", null, preface: Line);

        Assert.StartsWith("HTTP/1.1 308", fromNlb, StringComparison.Ordinal);
        Assert.DoesNotContain(" 308", fromVisitor, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1:1\n    stats enable")]
    [InlineData("127.0.0.1:1 ssl verify none")]
    public void A_value_with_syntax_in_it_is_refused(string application)
    {
        var options = Options(_proxy, 1, []) with { Applications = [application] };

        Assert.Throws<ArgumentException>(() => ConfigurationWriter.Write(options));
    }

    private static ConfigurationOptions Options(RealHaproxy proxy, int applicationPort, IReadOnlyList<string> backups)
    {
        return new ConfigurationOptions
        {
            Https = $"127.0.0.1:{proxy.HttpsPort}",
            Http = $"127.0.0.1:{proxy.HttpPort}",
            CertificateDirectory = proxy.Certificates,
            SocketPath = proxy.SocketPath,
            TokenSocket = Path.Combine(proxy.Home, "agent.sock"),
            ExpectProxyFrom = ["127.0.0.2"],
            Applications = [$"127.0.0.1:{applicationPort}"],
            ApplicationAuthority = Path.Combine(proxy.Home, "app-ca.pem"),
            ApplicationName = "app.internal",
            BackupNodes = backups,
            MaxConnections = 200,
        };
    }

    private void Configure(RealHaproxy proxy, int applicationPort, IReadOnlyList<string> backups)
    {
        File.WriteAllText(Path.Combine(proxy.Home, "app-ca.pem"), _authority.RootPem);
        File.WriteAllText(proxy.ConfigurationFile, ConfigurationWriter.Write(Options(proxy, applicationPort, backups)));
        Assert.Equal(0, proxy.Check().Status);
    }

    private async Task<WebApplication> StartApplication(int port)
    {
        var bundle = _authority.Issue("app.internal");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, port, listen =>
                listen.UseHttps(X509Certificate2.CreateFromPem(bundle.CertificatePem, bundle.KeyPem))));
        var app = builder.Build();
        app.MapGet("/hello", (HttpRequest request) => "application saw " + request.Headers["X-Forwarded-Proto"]);
        await app.StartAsync();
        return app;
    }

    /// <summary>One request over a connection of its own; the whole answer as text.</summary>
    private static async Task<string> Get(
        int port, string path, string? tls, string host = "shop.example.com", IPAddress? from = null,
            string preface = "")
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(from ?? IPAddress.Loopback, 0));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await using Stream tcp = new NetworkStream(socket);
        await using var stream = tls is null ? tcp : new SslStream(tcp, false, (_, _, _, _) => true);
        if (stream is SslStream secure)
        {
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = tls });
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"{preface}GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }
}
