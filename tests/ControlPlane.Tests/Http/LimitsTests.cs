using System.Net.Sockets;
using System.Text;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http;

/// <summary>The server with the same limits, but less patience, so that a test sees its end.</summary>
public sealed class ImpatientApi(PostgresFixture server) : ApiFixture(server)
{
    internal const int Connections = 40;

    protected override IReadOnlyDictionary<string, string?> Settings =>
        new Dictionary<string, string?>(base.Settings) { ["Http:MaxConnections"] = $"{Connections}" };

    protected override void Configure(IServiceCollection services)
    {
        services.PostConfigure<KestrelServerOptions>(options =>
        {
            options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(2);
            options.Limits.MinRequestBodyDataRate = new MinDataRate(1024, TimeSpan.FromSeconds(2));
        });
        services.PostConfigure<RequestTimeoutOptions>(options => options.DefaultPolicy = new RequestTimeoutPolicy
        {
            Timeout = TimeSpan.FromSeconds(3),
            TimeoutStatusCode = options.DefaultPolicy!.TimeoutStatusCode,
        });
    }
}

/// <summary>Threat: exhaustion. Each limit is met with a real socket, and the program goes on serving.</summary>
public sealed class LimitsTests(ImpatientApi api) : IClassFixture<ImpatientApi>
{
    private const string Start = "POST /v1/domains HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n";

    [Fact]
    public async Task Headers_that_trickle_in_are_not_waited_for() =>
        await TrickleAsync("GET /healthz HTTP/1.1\r\nHost: api\r\nX-Slow: ");

    [Fact]
    public async Task A_body_that_trickles_in_is_not_waited_for() => await TrickleAsync(
        $"{Start}Authorization: {api.Acme.DefaultRequestHeaders.Authorization}\r\nContent-Length: 60000\r\n\r\n");

    [Fact]
    public async Task A_chunked_body_is_cut_off_at_its_limit()
    {
        var chunk = $"4000\r\n{new string(' ', 0x4000)}\r\n";
        Assert.Contains(" 413 ", await AnswerAsync(
            $"{Start}Authorization: {api.Acme.DefaultRequestHeaders.Authorization}\r\n"
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
        Assert.Contains(" 414 ", await AnswerAsync(
            $"GET /v1/domains?hostname={new string('a', Limits.MaxRequestLineBytes)} HTTP/1.1\r\nHost: api\r\n\r\n"),
            StringComparison.Ordinal);
        Assert.Contains(" 431 ", await AnswerAsync(
            $"GET /healthz HTTP/1.1\r\nHost: api\r\nX-Large: {new string('a', Limits.MaxHeadersBytes)}\r\n\r\n"),
            StringComparison.Ordinal);
        var many = string.Concat(Enumerable.Range(0, Limits.MaxHeaders).Select(i => $"X-{i}: 1\r\n"));
        Assert.Contains(
            " 431 ", await AnswerAsync($"GET /healthz HTTP/1.1\r\nHost: api\r\n{many}\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_beyond_the_cap_are_closed_and_others_go_on()
    {
        Assert.True((await api.Acme.GetAsync("/healthz")).IsSuccessStatusCode);
        var sockets = new List<TcpClient>();
        try
        {
            for (var i = 0; i <= ImpatientApi.Connections; i++)
            {
                sockets.Add(await ConnectAsync());
            }

            // One that is beyond the cap is closed without a word; the others wait for our headers.
            using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            Assert.Equal(0, await ReadAsync(sockets[^1].GetStream(), deadline.Token));
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }

        await Eventually.TrueAsync(
            async () => (await AnswerAsync("GET /healthz HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n"))
                .Contains(" 200 ", StringComparison.Ordinal),
            "the cap is free again");
    }

    [Fact]
    public async Task A_request_that_the_database_keeps_waiting_is_ended()
    {
        await using var connection = new NpgsqlConnection(api.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE", connection);
        await hold.ExecuteNonQueryAsync();

        await ProblemAsync(await api.Admin.GetAsync("/v1/tenants"), 503, "unavailable");
        await transaction.RollbackAsync();
        Assert.True((await api.Admin.GetAsync("/v1/tenants")).IsSuccessStatusCode);
    }

    /// <summary>Opens a connection, says the beginning, and goes on byte by byte until the server has had
    /// enough.</summary>
    private async Task TrickleAsync(string beginning)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        using var socket = await ConnectAsync();
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(beginning), deadline.Token);
        var answer = ReadAsync(stream, deadline.Token);
        await Eventually.TrueAsync(
            async () =>
            {
                if (!answer.IsCompleted)
                {
                    try
                    {
                        await stream.WriteAsync("a"u8.ToArray(), deadline.Token);
                    }
                    catch (IOException closed)
                    {
                        Assert.IsType<SocketException>(closed.InnerException);
                    }
                }

                return answer.IsCompleted;
            },
            "the server ends what trickles");
        await answer;
    }

    /// <summary>How many bytes came before the end; an end by reset is an end too.</summary>
    private static async Task<int> ReadAsync(Stream stream, CancellationToken ct)
    {
        try
        {
            return await stream.ReadAsync(new byte[4096], ct);
        }
        catch (IOException reset) when (reset.InnerException is SocketException)
        {
            return 0;
        }
    }

    private async Task<string> AnswerAsync(string request)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        using var socket = await ConnectAsync();
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), deadline.Token);
        var bytes = new byte[4096];
        var count = 0;
        try
        {
            count = await stream.ReadAsync(bytes, deadline.Token);
        }
        catch (IOException closed)
        {
            return $"closed: {closed.Message}";
        }

        return Encoding.ASCII.GetString(bytes, 0, count);
    }

    private async Task<TcpClient> ConnectAsync()
    {
        var socket = new TcpClient();
        await socket.ConnectAsync(api.Anonymous.BaseAddress!.Host, api.Anonymous.BaseAddress.Port);
        return socket;
    }
}
