using System.Net;
using SyncAgent.Commands;
using SyncAgent.Tests.Syncing;

namespace SyncAgent.Tests.Tokens;

/// <summary>What a node says of itself, to HAProxy and to whoever watches it.</summary>
public sealed class LocalEndpointsTests : AgentTests
{
    [Fact]
    public async Task What_the_node_says_of_itself_is_on_the_token_socket_and_on_the_address_that_was_given()
    {
        var bundle = Authority.Issue("shop.example.com");
        Api.Want(bundle);
        var status = new IPEndPoint(IPAddress.Loopback, FreePort.Next());
        await using var agent = await RunningAgent.Start(
            Proxy, Api, Authority, options => options with { Status = status });
        await Eventually.True(() => Api.IsServing(bundle), () => $"it serves. {agent.Log.Text}");

        using var socket = RunningAgent.ClientOf(Path.Combine(Proxy.Home, "agent.sock"));
        using var tcp = new HttpClient { BaseAddress = new Uri($"http://{status}") };
        foreach (var client in new[] { socket, tcp })
        {
            foreach (var (path, holds) in new[]
            {
                ("/healthz", "alive"), ("/readyz", "hours to the first local expiry"),
                ("/metrics", "syncagent_ready 1"),
            })
            {
                Assert.Contains(holds, await client.GetStringAsync(path), StringComparison.Ordinal);
            }

            foreach (var path in new[] { "/healthz", "/readyz" })
            {
                using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
                Assert.Equal(HttpStatusCode.OK, head.StatusCode);
            }
        }
    }

    [Theory]
    [InlineData("127.0.0.1:9180", true)]
    [InlineData("[::1]:9180", true)]
    [InlineData("0.0.0.0:9180", false)]
    [InlineData("192.0.2.7:9180", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("localhost:9180", false)]
    [InlineData("9180", false)]
    public void It_is_shown_on_loopback_only(string address, bool isTaken)
    {
        var errors = RunCommand.Make().Parse(
        [
            "--api", "http://127.0.0.1:5080", "--state", "s", "--certs", "/c", "--socket", "/s", "--https",
            "127.0.0.1:443", "--token-dir", "t", "--token-socket", "a", "--status", address,
        ]).Errors;

        Assert.Equal(isTaken, errors.Count == 0);
    }
}
