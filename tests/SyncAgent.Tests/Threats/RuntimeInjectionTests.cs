using System.Security.Cryptography;
using System.Text;
using SyncAgent.HAProxy;
using SyncAgent.Tests.HAProxy;
using SyncAgent.Tests.Syncing;

namespace SyncAgent.Tests.Threats;

/// <summary>Runtime API injection: a name or a certificate that brings a command along. HAProxy's maxconn is the
/// canary: the commands would change it.</summary>
public sealed class RuntimeInjectionTests : IAsyncLifetime
{
    private const string Order = "set maxconn global 7";
    private readonly TestAuthority _authority = new();
    private RealHaproxy _proxy = null!;

    public async ValueTask InitializeAsync() => _proxy = await RealHaproxy.Start();

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _authority.Dispose();
    }

    /// <summary>Fails when a name from the API reaches a command or a path unchecked.</summary>
    [Fact]
    public async Task Names_that_bring_commands_along_never_reach_the_socket()
    {
        await using var api = await ApiStandIn.Start();
        await using var agent = await RunningAgent.Start(_proxy, api, _authority);
        var before = MaxConnections();
        string[] names =
        [
            $"a.example.com\n{Order}\n", $"b.example.com;{Order}", $"c.example.com <<\n{Order}\n",
            $"d.example.com\r\n{Order}", $"e.example.com\0{Order}", $"f.example.com {Order}", "../g.example.com",
            "h.example.com/../../i.example.com",
        ];
        var good = _authority.Issue("good.example.com");

        api.Want([.. names.Select(name => _authority.Issue("evil.example.com") with { Hostname = name }), good]);
        await Eventually.True(() => api.IsServing(good), () => $"the neighbour is served. {agent.Log.Text}");

        Assert.Equal(before, MaxConnections());
        Assert.Equal(["good.example.com.pem"], _proxy.Files);
        Assert.All(names, name => Assert.Null(api.RowOf(name)));
        // The canary can sing: sent as a command of its own, it changes the number.
        _proxy.Ask(Order + "\n");
        Assert.Equal("7", MaxConnections());
    }

    /// <summary>Fails when a file's text is sent as it is found.</summary>
    [Fact]
    public async Task Text_between_the_blocks_of_a_file_is_never_sent()
    {
        var before = MaxConnections();
        var bundle = _authority.Issue("shop.example.com");
        var text = $"{bundle.CertificatePem}\n\n{Order}\n{bundle.KeyPem}\n{Order}\n";

        using var payload = PemPayload.FromFile(Encoding.ASCII.GetBytes(text));
        Assert.DoesNotContain("maxconn", Encoding.ASCII.GetString(payload.Bytes.Span), StringComparison.Ordinal);
        Assert.DoesNotContain("\n\n", Encoding.ASCII.GetString(payload.Bytes.Span), StringComparison.Ordinal);
        var outcome = await new AgentHands(_proxy).Inject(_proxy.PathOf(bundle.Hostname), payload);

        Assert.IsType<WriteOutcome.Written>(outcome);
        Assert.Equal(before, MaxConnections());
    }

    /// <summary>Fails when the cap is taken away: HAProxy would drop the payload's end and read it as
    /// commands.</summary>
    [Fact]
    public async Task A_payload_that_does_not_fit_is_refused_before_the_socket()
    {
        var bundle = _authority.Issue("shop.example.com", paddingBytes: 20_000);
        using var payload = bundle.ToPayload();

        var outcome = await new AgentHands(_proxy).Inject(_proxy.PathOf(bundle.Hostname), payload);

        Assert.True(Assert.IsType<WriteOutcome.Refused>(outcome).IsOversized);
        Assert.DoesNotContain(bundle.Hostname, _proxy.Ask("show ssl cert\n"), StringComparison.Ordinal);
    }

    /// <summary>Keys in memory: fails when a payload is left to the garbage collector as it is.</summary>
    [Fact]
    public void A_payload_is_zeroed_when_it_is_done_with_and_cannot_print_itself()
    {
        var payload = _authority.Issue("shop.example.com").ToPayload();
        var bytes = payload.Bytes;
        Assert.DoesNotContain("BEGIN", payload.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "BEGIN",
            RuntimeCommand.Set(_proxy.PathOf("shop.example.com"), payload).ToString(), StringComparison.Ordinal);

        payload.Dispose();

        Assert.True(bytes.Length > 500);
        Assert.Equal(-1, bytes.Span.IndexOfAnyExcept((byte)0));
        Assert.Throws<CryptographicException>(() => PemPayload.FromFile(bytes.Span));
    }

    private string MaxConnections() => _proxy.Ask("show info\n").Split('\n')
        .Single(line => line.StartsWith("Maxconn: ", StringComparison.Ordinal))["Maxconn: ".Length..].Trim();
}
