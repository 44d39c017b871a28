using System.Net;
using System.Net.Sockets;
using System.Text;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Probing;

namespace ControlPlane.Tests.Domains.Probing;

/// <summary>Threat: SSRF and DNS rebinding in our own checks. A real DNS server whose answers alternate, real
/// listeners.</summary>
public sealed class RebindingTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("10.0.0.1")]
    [InlineData("::1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("fe80::1")]
    public async Task A_name_that_leads_inside_is_not_dialled_whatever_it_answers_next(string inside)
    {
        await using var bench = await PathBench.StartAsync(database);
        var (_, trap) = await bench.NodeAsync("a");
        var asked = 0;
        var address = IPAddress.Parse(inside);
        bench.Fleet = new FleetOptions { CnameTarget = "edge.example.com", ProbePort = trap.Endpoint.Port };
        bench.DnsServer = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), question =>
        {
            var wanted = address.AddressFamily == AddressFamily.InterNetwork ? DnsRecordType.A : DnsRecordType.AAAA;
            if (question.Type != wanted)
            {
                return DnsReply.Of();
            }

            // Every second answer leads inside: a checker that asked again before it dials would be sent there.
            var outside = IPAddress.Parse(wanted == DnsRecordType.A ? "198.51.100.7" : "2001:db8::7");
            return DnsReply.Of(new AddressRecord(question.Name, 0, ++asked % 2 == 1 ? outside : address));
        });
        var order = await bench.OrderAsync(OrderState.PendingDns);

        for (var turn = 1; turn <= 4; turn++)
        {
            await bench.SqlAsync(
                $"UPDATE orders SET next_attempt_at = {bench.Clock.GetUtcNow()} WHERE id = {order.Id}");
            order = await bench.TurnAsync(order);
            // One question for each look: what was checked is what is dialled.
            Assert.Equal(turn, asked);
        }

        Assert.Equal((OrderState.PendingDns, "dns-private-address"), (order.State, order.Reason));
        Assert.Equal(0, trap.Asked);
    }

    [Fact]
    public async Task The_probe_dials_the_address_that_was_checked_and_asks_no_resolver_about_the_name()
    {
        using var server = new OneAnswer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvalue");

        // The name does not exist: whoever resolved it again could not get here.
        var body = await FetchAsync(server, "name.invalid");

        Assert.Equal("value", body);
        Assert.Contains("Host: name.invalid", server.Heard, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 307 Again\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("nonsense\r\n\r\n")]
    public async Task A_redirect_is_not_followed_and_nonsense_is_no_value(string answer)
    {
        using var server = new OneAnswer(answer);

        Assert.Null(await FetchAsync(server, "shop.example.com"));
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task Of_an_endless_body_no_more_is_read_than_the_cap()
    {
        using var server = new OneAnswer("HTTP/1.1 200 OK\r\n\r\n", endless: true);

        var body = await FetchAsync(server, "shop.example.com");

        Assert.Equal(1024, body!.Length);
    }

    private static async Task<string?> FetchAsync(OneAnswer server, string host) => (await TokenFetch.FetchAsync(
        server.EndPoint, host, "/token", TimeSpan.FromSeconds(30), 1024, TimeProvider.System,
        TestContext.Current.CancellationToken)).Body;

    /// <summary>A listener that says the same to everybody, whatever is asked.</summary>
    private sealed class OneAnswer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();

        public OneAnswer(string answer, bool endless = false)
        {
            _listener.Start();
            _ = ServeAsync(answer.Replace("{port}", $"{EndPoint.Port}", StringComparison.Ordinal), endless);
        }

        public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

        public int Connections { get; private set; }

        public string Heard { get; private set; } = "";

        public void Dispose()
        {
            _stop.Cancel();
            _listener.Dispose();
            _stop.Dispose();
        }

        private async Task ServeAsync(string answer, bool endless)
        {
            try
            {
                while (true)
                {
                    using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                    Connections++;
                    await using var stream = client.GetStream();
                    var request = new byte[4096];
                    Heard += Encoding.ASCII.GetString(request, 0, await stream.ReadAsync(request, _stop.Token));
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), _stop.Token);
                    while (endless)
                    {
                        await stream.WriteAsync("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"u8.ToArray(), _stop.Token);
                    }
                }
            }
            catch (Exception end) when (end is OperationCanceledException or IOException or ObjectDisposedException
                or SocketException)
            {
                // The test is over, or the asker has read enough.
                return;
            }
        }
    }
}
