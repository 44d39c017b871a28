using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>The agent as a program: killed anywhere, started twice, told to stop.</summary>
public sealed class AgentProcessTests : AgentTests
{
    [Theory]
    [InlineData("agent.staged")]
    [InlineData("agent.set")]
    [InlineData("agent.committed")]
    [InlineData("agent.added")]
    [InlineData("agent.renamed")]
    [InlineData("agent.verified")]
    [InlineData("agent.reported")]
    public async Task Killed_at_any_point_it_recovers_and_no_key_lands_under_another_name(string point)
    {
        var (first, second) = (Authority.Issue("first.example.com"), Authority.Issue("second.example.com"));
        Api.Want(first, second);
        await using (var killed = AgentProcess.Run(Proxy, Api, Authority, new() { ["CRASH_AT"] = point }))
        {
            // 128 + SIGKILL.
            Assert.Equal(137, await killed.WaitForExit());
        }

        // What HAProxy would meet at its next start is sound at every moment.
        Assert.Equal(0, Proxy.Check().Status);
        await using var again = AgentProcess.Run(Proxy, Api, Authority);
        await Eventually.True(
            () => Api.IsServing(first) && Api.IsServing(second), () => $"both are served. {again.Said}");

        Assert.Equal(first.Fingerprint, await Proxy.Visit(first.Hostname));
        Assert.Equal(second.Fingerprint, await Proxy.Visit(second.Hostname));
        Assert.DoesNotContain(Proxy.Files, file => file[0] == '.');
        Assert.Null(SyncAgent.HAProxy.RuntimeReplies.ParseCertificates(Proxy.Ask("show ssl cert\n")).Transaction);
    }

    [Fact]
    public async Task The_trace_names_every_failpoint_so_that_a_new_one_cannot_be_forgotten()
    {
        var bundle = Authority.Issue("shop.example.com");
        var trace = Path.Combine(Proxy.Home, "trace");
        Api.Want(bundle);
        await using var agent = AgentProcess.Run(Proxy, Api, Authority, new() { ["CRASH_TRACE"] = trace });
        await Eventually.True(() => Api.IsServing(bundle), () => $"it is served. {agent.Said}");

        string[] known =
        [
            "agent.staged", "agent.set", "agent.committed", "agent.added", "agent.renamed", "agent.verified",
                "agent.reported",
        ];
        await Eventually.True(
            () => Points().SequenceEqual(known.Order()),
            () => $"the trace holds every point, not only {string.Join(", ", Points())}");

        IEnumerable<string> Points() => File.ReadAllLines(trace).Select(line => line.Split('@')[0]).Distinct().Order();
    }

    [Fact]
    public async Task A_second_agent_on_one_haproxy_refuses_to_start_and_says_why()
    {
        var bundle = Authority.Issue("shop.example.com");
        Api.Want(bundle);
        await using var first = AgentProcess.Run(Proxy, Api, Authority);
        await Eventually.True(() => Api.IsServing(bundle), () => $"the first serves. {first.Said}");

        await using var second = AgentProcess.Run(Proxy, Api, Authority);

        Assert.Equal(1, await second.WaitForExit());
        Assert.Contains("Another agent already writes to", second.Said, StringComparison.Ordinal);
        using var client = RunningAgent.ClientOf(Path.Combine(Proxy.Home, "agent.sock"));
        var ready = await client.GetStringAsync("/readyz");
        Assert.StartsWith("ready\n", ready, StringComparison.Ordinal);
        Assert.Contains(" hours to the first local expiry", ready, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Told_to_stop_it_leaves_its_long_poll_and_ends_well()
    {
        var bundle = Authority.Issue("shop.example.com");
        Api.Want(bundle);
        await using var agent = AgentProcess.Run(Proxy, Api, Authority);
        await Eventually.True(() => Api.IsServing(bundle), () => $"it serves. {agent.Said}");

        agent.Send(Signals.Term);

        Assert.Equal(0, await agent.WaitForExit());
        Assert.Equal(bundle.Fingerprint, await Proxy.Visit(bundle.Hostname));
    }

    [Fact]
    public async Task Without_an_identity_and_without_a_join_code_it_says_what_is_missing()
    {
        await using var agent = AgentProcess.Start(
            "run", "--api", Api.Address.ToString(), "--state", Path.Combine(Proxy.Home, "state"),
            "--certs", Proxy.Certificates, "--socket", Proxy.SocketPath, "--https", $"127.0.0.1:{Proxy.HttpsPort}",
            "--token-dir", Path.Combine(Proxy.Home, "tokens"), "--token-socket", Path.Combine(
                Proxy.Home, "agent.sock"));

        Assert.Equal(1, await agent.WaitForExit());
        Assert.Contains("--join-code-file", agent.Said, StringComparison.Ordinal);
    }
}
