using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.ControlPlaneApi;

/// <summary><c>--api-ca</c>: a control plane whose certificate comes from a private CA.</summary>
public sealed class ApiAuthorityTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public async Task A_private_CA_is_believed_when_it_is_named_and_no_other_then()
    {
        await File.WriteAllTextAsync(_file, _authority.RootPem);
        Assert.Equal("hello", await AskAsync(_authority, _file));

        // Nobody else knows this CA, and who names one believes no other.
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(_authority, null));
        using var other = new TestAuthority("Other Root");
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(other, _file));
    }

    public void Dispose()
    {
        _authority.Dispose();
        File.Delete(_file);
    }

    private static async Task<string> AskAsync(TestAuthority server, string? trusted)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var answering = AnswerAsync(listener, server);
        using var http = AgentHost.MakeHttpClient(
            new Uri($"https://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}"), trusted);
        var answer = await http.GetStringAsync("/");
        await answering;
        return answer;
    }

    private static async Task AnswerAsync(TcpListener listener, TestAuthority server)
    {
        var bundle = server.Issue("localhost");
        using var certificate = X509Certificate2.CreateFromPem(bundle.CertificatePem, bundle.KeyPem);
        using var client = await listener.AcceptTcpClientAsync();
        await using var stream = new SslStream(client.GetStream());
        try
        {
            await stream.AuthenticateAsServerAsync(certificate);
            var request = new byte[4096];
            Assert.NotEqual(0, await stream.ReadAsync(request));
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"u8.ToArray());
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            // The caller hung up: it says itself why.
            System.Diagnostics.Debug.WriteLine(refused.Message);
        }
    }
}
