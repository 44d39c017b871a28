using System.Net.Sockets;
using System.Text;
using ControlPlane.Http;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http;

/// <summary>The server with a cap that a test can reach.</summary>
public sealed class CappedApi(PostgresFixture server) : ApiFixture(server)
{
    internal const int Connections = 40;

    protected override IReadOnlyDictionary<string, string?> Settings =>
        new Dictionary<string, string?>(base.Settings) { ["Http:MaxConnections"] = $"{Connections}" };
}

/// <summary>Threat: exhaustion. Each limit is met with a real socket, and the program goes on serving.</summary>
public sealed class LimitsTests(CappedApi api) : IClassFixture<CappedApi>
{
    [Fact]
    public async Task A_chunked_body_is_cut_off_at_its_limit()
    {
        var chunk = $"4000\r\n{new string(' ', 0x4000)}\r\n";
        Assert.Contains(" 413 ", await RawHttp.AnswerAsync(
            api,
            $"{RawHttp.Start}Authorization: {api.Acme.DefaultRequestHeaders.Authorization}\r\n"
                + $"Transfer-Encoding: chunked\r\n\r\n{string.Concat(Enumerable.Repeat(chunk, 6))}0\r\n\r\n"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task JSON_that_only_opens_brackets_is_refused_within_its_body_limit()
    {
        var content = new StringContent(new string('[', 60_000), Encoding.ASCII, "application/json");
        await ProblemAsync(await api.Acme.PostAsync("/v1/domains", content), 400, "malformed-json");
    }

    [Fact]
    public async Task Long_lines_large_headers_and_many_headers_are_refused()
    {
        Assert.Contains(" 414 ", await RawHttp.AnswerAsync(
            api,
            $"GET /v1/domains?hostname={new string('a', Limits.MaxRequestLineBytes)} HTTP/1.1\r\nHost: api\r\n\r\n"),
            StringComparison.Ordinal);
        Assert.Contains(" 431 ", await RawHttp.AnswerAsync(
            api,
            $"GET /healthz HTTP/1.1\r\nHost: api\r\nX-Large: {new string('a', Limits.MaxHeadersBytes)}\r\n\r\n"),
            StringComparison.Ordinal);
        var many = string.Concat(Enumerable.Range(0, Limits.MaxHeaders).Select(i => $"X-{i}: 1\r\n"));
        Assert.Contains(
            " 431 ", await RawHttp.AnswerAsync(api, $"GET /healthz HTTP/1.1\r\nHost: api\r\n{many}\r\n"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_beyond_the_cap_are_closed_and_others_go_on()
    {
        Assert.True((await api.Acme.GetAsync("/healthz")).IsSuccessStatusCode);
        var sockets = new List<TcpClient>();
        try
        {
            for (var i = 0; i <= CappedApi.Connections; i++)
            {
                sockets.Add(await RawHttp.ConnectAsync(api));
            }

            // One that is beyond the cap is closed without a word; the others wait for our headers.
            using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            Assert.Equal(0, await RawHttp.ReadAsync(sockets[^1].GetStream(), deadline.Token));
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }

        await Eventually.TrueAsync(
            async () => (await RawHttp.AnswerAsync(
                    api, "GET /healthz HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n"))
                .Contains(" 200 ", StringComparison.Ordinal),
            "the cap is free again");
    }
}
