using ControlPlane.Contracts;
using SyncAgent.Syncing;

namespace SyncAgent.Tests.Syncing;

/// <summary>The loop on a good day: a real HAProxy, and a stand-in for the control plane.</summary>
public sealed class AgentLoopTests : AgentTests
{
    [Fact]
    public async Task A_wanted_bundle_is_served_and_proven_on_disk_in_memory_and_by_handshake()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundle = Authority.Issue("shop.example.com");

        Api.Want(bundle);
        await Eventually.True(
            () => Api.IsServing(bundle), () => $"the bundle is reported as served. {agent.Log.Text}");

        var row = Api.RowOf("shop.example.com")!;
        Assert.Equal((bundle.Fingerprint, bundle.Fingerprint), (row.DiskFingerprint, row.MemoryFingerprint));
        Assert.Null(row.Error);
        Assert.Equal(bundle.Fingerprint, await Proxy.Visit("shop.example.com"));
        var file = Proxy.PathOf("shop.example.com").Value;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(0, Proxy.Check().Status);
        await Eventually.True(() => Api.Reports.Any(report => report.Synced), () => "a report says synced");
        Assert.Equal(Proxy.ReadPid(), Api.Reports.Last().HAProxy!.Pid);
        Assert.Empty(Api.Refusals);
    }

    [Fact]
    public async Task A_renewed_bundle_replaces_the_old_one_without_a_reload()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (first, second) = (Authority.Issue("shop.example.com"), Authority.Issue("shop.example.com", days: 60));
        var pid = Proxy.ReadPid();

        Api.Want(first);
        await Eventually.True(() => Api.IsServing(first), () => "the first is served");
        Api.Want(second);
        await Eventually.True(() => Api.IsServing(second), () => $"the second is served. {agent.Log.Text}");

        Assert.Equal(pid, Proxy.ReadPid());
    }

    [Fact]
    public async Task A_withdrawn_name_leaves_listener_memory_and_disk()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (gone, stays) = (Authority.Issue("gone.example.com"), Authority.Issue("stays.example.com"));
        Api.Want(gone, stays);
        await Eventually.True(() => Api.IsServing(gone) && Api.IsServing(stays), () => "both are served");

        Api.Withdraw(null, gone.Hostname);
        await Eventually.True(
            () => Api.RowOf(gone.Hostname)!.State == ObservedDomainState.Withdrawn, () =>
                $"it is reported. {agent.Log.Text}");

        Assert.False(File.Exists(Proxy.PathOf(gone.Hostname).Value));
        Assert.DoesNotContain(gone.Hostname, Proxy.Ask("show ssl cert\n"), StringComparison.Ordinal);
        Assert.Contains("unrecognized name", await Proxy.Visit(gone.Hostname), StringComparison.Ordinal);
        Assert.Equal(stays.Fingerprint, await Proxy.Visit(stays.Hostname));
    }

    /// <summary>Fails when the NLB is told to leave a node because its bundles are being renewed.</summary>
    [Fact]
    public async Task A_node_stays_ready_and_finds_no_drift_while_all_its_bundles_are_renewed()
    {
        await using var agent = await RunningAgent.Start(
            Proxy, Api, Authority, options => options with { AuditEvery = TimeSpan.FromSeconds(2) });
        var names = Enumerable.Range(0, 200).Select(i => $"d{i}.example.com").ToArray();
        Api.Want(names.Select(name => Authority.Issue(name)));
        var readiness = agent.Part<Readiness>();
        await Eventually.True(() => readiness.Reason is null && names.All(IsServed), () => "all are served");

        for (var round = 1; round <= 3; round++)
        {
            var renewed = names.Select(name => Authority.Issue(name, days: 30 + round)).ToArray();
            Api.Want(renewed);
            while (!Array.TrueForAll(renewed, Api.IsServing))
            {
                Assert.Null(readiness.Reason);
                await Task.Yield();
            }
        }

        Assert.DoesNotContain("not what this node recorded", agent.Log.Text, StringComparison.Ordinal);

        bool IsServed(string name) => Api.RowOf(name)?.State == ObservedDomainState.Serving;
    }

    /// <summary>Fails when a name is taken down between the page that ends one domain and the one that brings its
    /// successor.</summary>
    [Fact]
    public async Task A_withdrawal_waits_for_the_rest_of_its_list()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (former, next) = (Authority.Issue("shop.example.com"), Authority.Issue("shop.example.com", days: 60));
        Api.Want(former);
        await Eventually.True(() => Api.IsServing(former), () => "it is served");

        Api.OnPage = page => page with { More = true };
        Api.Withdraw(null, former.Hostname);
        var polls = Api.Polls;
        await Eventually.True(() => Api.Polls > polls + 20, () => "the page was read, and what is behind it");
        Assert.Equal(former.Fingerprint, await Proxy.Visit(former.Hostname));
        Api.OnPage = page => page;
        Api.Want(next);

        await Eventually.True(() => Api.IsServing(next), () => $"the successor is served. {agent.Log.Text}");
        Assert.DoesNotContain(
            Api.Reports.SelectMany(report => report.Rows), row => row.State == ObservedDomainState.Withdrawn);
    }

    [Fact]
    public async Task Three_hundred_names_are_served_in_more_than_one_batch()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundles = Enumerable.Range(0, 300).Select(i => Authority.Issue($"d{i}.example.com")).ToArray();

        Api.Want(bundles);
        await Eventually.True(
            () => Array.TrueForAll(bundles, Api.IsServing),
            () => $"all are served, not {bundles.Count(Api.IsServing)}");

        await Eventually.True(() => agent.Part<Readiness>().Reason is null, () => "the node is ready");
        Assert.Equal(300, Directory.GetFiles(Proxy.Certificates, "*.pem").Length);
        Assert.DoesNotContain(Proxy.Files, file => file[0] == '.');
    }

    [Fact]
    public async Task A_clock_that_is_off_is_corrected_by_the_servers_time()
    {
        Api.ClockAhead = TimeSpan.FromMinutes(42);
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundle = Authority.Issue("shop.example.com");

        Api.Want(bundle);
        await Eventually.True(() => Api.IsServing(bundle), () => $"it is served. {agent.Log.Text}");

        Assert.NotEmpty(Api.Refusals);
    }

    [Fact]
    public async Task Nothing_that_is_logged_holds_a_private_key_or_the_join_code()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (good, bad) = (Authority.Issue("good.example.com"), Authority.Issue("bad.example.com"));
        Api.Tamper = b => b.Hostname == bad.Hostname ? b with { SealedKey = [.. b.SealedKey.Reverse()] } : b;
        Api.Want(good, bad);
        await Eventually.True(
            () => Api.IsServing(good) && Api.RowOf(bad.Hostname) is not null, () => "both are reported");

        var canary = Convert.ToBase64String(good.Pkcs8)[40..80];
        Assert.NotEqual("", agent.Log.Text);
        Assert.DoesNotContain("PRIVATE KEY", agent.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("BEGIN", agent.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(canary, agent.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(ApiStandIn.JoinCode, agent.Log.Text, StringComparison.Ordinal);
    }
}
