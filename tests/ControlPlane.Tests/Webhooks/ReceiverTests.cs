using System.Net;
using System.Net.Sockets;
using ControlPlane.Dns;
using ControlPlane.Webhooks;
using ControlPlane.Webhooks.Sending;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Webhooks;

/// <summary>Threat: SSRF and DNS rebinding through a webhook's address. A real DNS server whose answers alternate, and
/// a listener that must not be reached.</summary>
public sealed class ReceiverTests
{
    private static readonly OpenedSecrets Secrets = new([new byte[32]]);

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("64:ff9b::7f00:1")]
    public async Task A_name_that_leads_inside_is_not_dialled(string inside)
    {
        using var trap = new Trap();
        await using var dns = Dns(inside);
        using var receiver = new Receiver(Client(dns), allowReserved: false, TimeProvider.System);

        var answer = await PostAsync(receiver, $"https://hooks.example.com:{trap.Port}/");

        Assert.Equal("The name leads to a reserved address, which is not dialled.", answer.Fault);
        Assert.Equal(0, trap.Connections);
    }

    [Fact]
    public async Task One_reserved_address_among_public_ones_is_enough_to_refuse()
    {
        using var trap = new Trap();
        await using var dns = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), question =>
            question.Type == DnsRecordType.A
                ? DnsReply.Of(
                    new AddressRecord(question.Name, 0, IPAddress.Parse("93.184.216.34")),
                    new AddressRecord(question.Name, 0, IPAddress.Loopback))
                : DnsReply.Of());
        using var receiver = new Receiver(Client(dns), allowReserved: false, TimeProvider.System);

        var answer = await PostAsync(receiver, $"https://hooks.example.com:{trap.Port}/");

        Assert.Contains("reserved", answer.Fault, StringComparison.Ordinal);
        Assert.Equal(0, trap.Connections);
    }

    [Theory]
    [InlineData("https://127.0.0.1:{0}/")]
    [InlineData("https://[::1]:{0}/")]
    [InlineData("https://[::ffff:127.0.0.1]:{0}/")]
    [InlineData("https://2130706433:{0}/")]
    [InlineData("https://0x7f.1:{0}/")]
    [InlineData("http://hooks.example.com:{0}/")]
    [InlineData("https://localhost:{0}/")]
    public async Task However_it_is_written_what_is_inside_is_neither_taken_nor_dialled(string url)
    {
        using var trap = new Trap();
        await using var dns = Dns("127.0.0.1");
        using var receiver = new Receiver(Client(dns), allowReserved: false, TimeProvider.System);
        var address = string.Format(url, trap.Port);

        var answer = await PostAsync(receiver, address);

        Assert.NotNull(answer.Fault);
        Assert.Equal(0, trap.Connections);
        // localhost is a name like any other here: where it leads is looked at when something is sent.
        var rules = new WebhookRules(Options.Create(new WebhookOptions()));
        Assert.Equal(url.Contains("localhost", StringComparison.Ordinal), rules.Address(address) is not null);
    }

    /// <summary>Fails when the name is resolved again between the check and the call: the second answer leads
    /// nowhere.</summary>
    [Fact]
    public async Task What_was_resolved_is_what_is_dialled_and_it_is_resolved_once()
    {
        await using var stranger = await ReceiverStandIn.StartAsync();
        var asked = 0;
        await using var dns = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), question =>
            question.Type != DnsRecordType.A ? DnsReply.Of() : DnsReply.Of(new AddressRecord(
                question.Name, 0, asked++ == 0 ? IPAddress.Loopback : IPAddress.Parse("127.0.0.99"))));
        using var receiver = new Receiver(Client(dns), allowReserved: true, TimeProvider.System);

        var answer = await PostAsync(receiver, $"http://hooks.invalid:{stranger.Port}/");

        Assert.True(answer.IsTaken, answer.Fault);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task A_redirect_is_not_followed_and_is_no_success()
    {
        await using var stranger = await ReceiverStandIn.StartAsync();
        stranger.Answer = (_, _) => Task.FromResult(302);
        await using var dns = Dns("127.0.0.1");
        using var receiver = new Receiver(Client(dns), allowReserved: true, TimeProvider.System);

        var answer = await PostAsync(receiver, $"http://hooks.example.com:{stranger.Port}/");

        Assert.Equal((302, "Answered 302; redirects are not followed."), (answer.Status, answer.Fault));
        Assert.Single(stranger.Heard);
    }

    [Fact]
    public async Task An_endless_answer_to_a_post_is_not_read_to_its_end()
    {
        await using var stranger = await ReceiverStandIn.StartAsync();
        var written = 0L;
        stranger.Answer = async (context, _) =>
        {
            var page = new byte[64 * 1024];
            while (!context.RequestAborted.IsCancellationRequested && written < 1L << 30)
            {
                await context.Response.Body.WriteAsync(page, context.RequestAborted);
                written += page.Length;
            }

            return 200;
        };
        await using var dns = Dns("127.0.0.1");
        using (var receiver = new Receiver(Client(dns), allowReserved: true, TimeProvider.System))
        {
            Assert.True((await PostAsync(receiver, $"http://hooks.example.com:{stranger.Port}/")).IsTaken);
        }

        Assert.True(written < 1L << 30);
    }

    [Theory]
    [InlineData("https://hooks.example.com/a?b=c", true)]
    [InlineData("https://hooks.example.com:8443/", true)]
    [InlineData("https://user:secret@hooks.example.com/", false)]
    [InlineData("https://hooks.example.com/#part", false)]
    [InlineData("http://hooks.example.com/", false)]
    [InlineData("ftp://hooks.example.com/", false)]
    [InlineData("https://10.0.0.1/", false)]
    [InlineData("https://100.64.0.1/", false)]
    [InlineData("https://[fd00::1]/", false)]
    [InlineData("hooks.example.com", false)]
    [InlineData("/hooks", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Addresses_that_will_do(string? url, bool good) =>
        Assert.Equal(good, new WebhookRules(Options.Create(new WebhookOptions())).Address(url) is not null);

    private static Task<Answer> PostAsync(Receiver receiver, string url) =>
        receiver.PostAsync(url, "evt_1_1", "{}"u8.ToArray(), Secrets);

    private static DnsClient Client(DnsServer server) =>
        new(new DnsClientOptions { Servers = [server.EndPoint] }, TimeProvider.System);

    /// <summary>Leads every name to this address.</summary>
    private static DnsServer Dns(string address)
    {
        var leads = IPAddress.Parse(address);
        var type = leads.AddressFamily == AddressFamily.InterNetwork ? DnsRecordType.A : DnsRecordType.AAAA;
        return DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), question =>
            question.Type == type ? DnsReply.Of(new AddressRecord(question.Name, 0, leads)) : DnsReply.Of());
    }

    /// <summary>Listens on both loopbacks, and counts.</summary>
    private sealed class Trap : IDisposable
    {
        private readonly TcpListener _listener = TcpListener.Create(0);

        public Trap()
        {
            _listener.Start();
            _ = CountAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public int Connections { get; private set; }

        public void Dispose() => _listener.Dispose();

        private async Task CountAsync()
        {
            try
            {
                while (true)
                {
                    using var caller = await _listener.AcceptSocketAsync();
                    Connections++;
                }
            }
            catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
