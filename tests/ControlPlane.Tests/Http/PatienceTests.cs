using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http;

/// <summary>The server with the same limits, but less patience, so that a test sees its end.</summary>
public sealed class ImpatientApi(PostgresFixture server) : ApiFixture(server)
{
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

/// <summary>Threat: exhaustion by slowness. Who takes too long is sent away, and the program goes on serving.</summary>
public sealed class PatienceTests(ImpatientApi api) : IClassFixture<ImpatientApi>
{
    [Fact]
    public async Task Headers_that_trickle_in_are_not_waited_for() =>
        await TrickleAsync("GET /healthz HTTP/1.1\r\nHost: api\r\nX-Slow: ");

    [Fact]
    public async Task A_body_that_trickles_in_is_not_waited_for() => await TrickleAsync(
        $"{RawHttp.Start}Authorization: {api.Acme.DefaultRequestHeaders.Authorization}\r\n"
            + "Content-Length: 60000\r\n\r\n");

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
        await Eventually.TrueAsync(async () => (await api.Admin.GetAsync("/v1/tenants")).IsSuccessStatusCode);
    }

    /// <summary>Opens a connection, says the beginning, and goes on byte by byte until the server has had
    /// enough.</summary>
    private async Task TrickleAsync(string beginning)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        using var socket = await RawHttp.ConnectAsync(api);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(beginning), deadline.Token);
        var answer = RawHttp.ReadAsync(stream, deadline.Token);
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
}
