using ControlPlane.Contracts;
using SyncAgent.Observing;
using SyncAgent.Syncing;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>The loop on bad days.</summary>
public sealed class AgentFaultTests : AgentTests
{
    [Fact]
    public async Task A_bad_bundle_is_refused_with_its_cause_and_its_neighbours_are_served()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var good = Authority.Issue("good.example.com");
        var broken = Authority.Issue("broken-seal.example.com");
        var mixed = Authority.Issue("mixed.example.com");
        var other = Authority.Issue("mixed.example.com");
        var big = Authority.Issue("big.example.com", paddingBytes: 20_000);
        Api.Tamper = bundle => bundle.Hostname switch
        {
            "broken-seal.example.com" => bundle with { Encapsulation = [4, .. bundle.Encapsulation[1..].Reverse()] },
            "mixed.example.com" => bundle with { Leaf = other.Leaf.RawData },
            _ => bundle,
        };

        Api.Want(broken, mixed, big, good);
        await Eventually.True(
            () => Api.IsServing(good)
                && new[] { broken, mixed, big }.All(bundle => Api.RowOf(bundle.Hostname) is not null),
            () => $"all are reported. {agent.Log.Text}");

        Assert.Equal(NodeErrorCodes.SealBroken, Api.RowOf(broken.Hostname)!.Error!.Code);
        Assert.Equal(NodeErrorCodes.BundleMismatch, Api.RowOf(mixed.Hostname)!.Error!.Code);
        Assert.Equal(NodeErrorCodes.Oversized, Api.RowOf(big.Hostname)!.Error!.Code);
        Assert.Equal(["good.example.com.pem"], Proxy.Files);
        Assert.Null(agent.Part<Readiness>().Reason);
    }

    /// <summary>Fails when a control plane that answers nonsense ends all its agents, and takes their nodes from the
    /// NLB.</summary>
    [Fact]
    public async Task An_answer_that_nobody_foresaw_ends_no_agent()
    {
        Api.OnPage = page => page with { Upserts = null! };
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var feed = agent.Part<DesiredFeed>();
        await Eventually.True(
            () => Api.Polls > 3 || feed.ExecuteTask!.IsCompleted, () => "it asks again and again");
        Assert.False(feed.ExecuteTask!.IsCompleted);

        Api.OnPage = page => page;
        var bundle = Authority.Issue("shop.example.com");
        Api.Want(bundle);

        await Eventually.True(() => Api.IsServing(bundle), () => $"it is served. {agent.Log.Text}");
    }

    /// <summary>Fails when an address that was given up is asked as fast as it answers.</summary>
    [Fact]
    public async Task A_410_to_a_question_about_everything_is_an_api_that_is_away()
    {
        Api.IsGone = true;
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        await Eventually.True(
            () => Api.Polls > 200 || agent.Log.Text.Contains("The API is away", StringComparison.Ordinal),
            () => "it asks");
        Assert.InRange(Api.Polls, 1, 200);

        Api.IsGone = false;
        var bundle = Authority.Issue("shop.example.com");
        Api.Want(bundle);

        await Eventually.True(() => Api.IsServing(bundle), () => $"it is served. {agent.Log.Text}");
    }

    [Fact]
    public async Task A_disk_that_takes_nothing_leaves_the_old_file_as_it_was_and_is_reported()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (old, next) = (Authority.Issue("shop.example.com"), Authority.Issue("shop.example.com", days: 60));
        Api.Want(old);
        await Eventually.True(() => Api.IsServing(old), () => "the old one is served");
        var path = Proxy.PathOf(old.Hostname);
        var before = File.ReadAllBytes(path.Value);

        // A directory in the stage's place fails every write, for root too.
        var obstacle = Directory.CreateDirectory(Path.Combine(Proxy.Certificates, path.Name.StageFileName));
        Api.Want(next);
        await Eventually.True(
            () => Api.RowOf(old.Hostname)!.Error?.Code == NodeErrorCodes.DiskFailed,
            () => $"it is reported. {agent.Log.Text}");

        Assert.Equal(before, File.ReadAllBytes(path.Value));
        Assert.Equal(old.Fingerprint, await Proxy.Visit(old.Hostname));
        obstacle.Delete();
        await Eventually.True(() => Api.IsServing(next), () => $"it is served once there is room. {agent.Log.Text}");
    }

    [Fact]
    public async Task A_chain_that_no_visitor_trusts_is_reported_as_a_handshake_that_failed()
    {
        using var stranger = new TestAuthority("A Stranger");
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundle = stranger.Issue("shop.example.com");

        Api.Want(bundle);
        await Eventually.True(() => Api.RowOf(bundle.Hostname) is not null, () => "it is reported");

        var row = Api.RowOf(bundle.Hostname)!;
        Assert.Equal((ObservedDomainState.Refused, NodeErrorCodes.HandshakeMismatch), (row.State, row.Error!.Code));
        Assert.Contains("trusted root", row.Error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_haproxy_was_killed_and_started_disk_is_memory_again_and_proven()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundles = Enumerable.Range(0, 20).Select(i => Authority.Issue($"d{i}.example.com")).ToArray();
        Api.Want(bundles);
        await Eventually.True(() => Array.TrueForAll(bundles, Api.IsServing), () => "all are served");

        await Proxy.KillNow();
        await Eventually.True(() => agent.Part<Readiness>().Reason is not null, () => "the agent notices");
        await Proxy.Run();
        await Eventually.True(
            () => agent.Part<NodeView>() is { } view
                && Array.TrueForAll(bundles, b => view.ProvenOf(b.Hostname) == b.Fingerprint),
            () => $"all are proven again. {agent.Log.Text}");

        Assert.Equal(Proxy.ReadPid(), agent.Part<NodeView>().Process!.Pid);
    }

    [Fact]
    public async Task After_a_reload_beside_a_living_old_worker_the_new_worker_is_the_one_that_proves()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (before, after) = (Authority.Issue("before.example.com"), Authority.Issue("after.example.com"));
        Api.Want(before);
        await Eventually.True(() => Api.IsServing(before), () => "it is served");
        using var keepsOldWorkerAlive = Proxy.Connect();

        await Proxy.Reload();
        Api.Want(after);
        await Eventually.True(() => Api.IsServing(after), () => $"it is served. {agent.Log.Text}");

        await Eventually.True(
            () => agent.Part<NodeView>().ProvenOf(before.Hostname) == before.Fingerprint, () =>
                "the old one is proven again");
        Assert.Equal(Proxy.ReadPid(), agent.Part<NodeView>().Process!.Pid);
        Assert.Equal(after.Fingerprint, await Proxy.Visit(after.Hostname));
    }

    [Fact]
    public async Task A_reload_between_set_and_commit_loses_nothing()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundles = Enumerable.Range(0, 60).Select(i => Authority.Issue($"d{i}.example.com")).ToArray();

        Api.Want(bundles[..30]);
        await Proxy.Reload();
        Api.Want(bundles[30..]);
        await Proxy.Reload();
        await Eventually.True(
            () => agent.Part<NodeView>() is { } view
                && Array.TrueForAll(bundles, b => view.ProvenOf(b.Hostname) == b.Fingerprint),
            () => $"all are proven. {agent.Log.Text}");

        // On a busy machine the signal of a reload may come twice. The worker of a late one knows what was on disk when
        // it read the directory: it may refuse a name until the agent has been there, and never serve another's.
        var ours = bundles.Select(bundle => bundle.Fingerprint).ToHashSet();
        foreach (var bundle in bundles)
        {
            var seen = "";
            await Eventually.True(
                async () =>
                {
                    seen = await Proxy.Visit(bundle.Hostname);
                    Assert.False(seen != bundle.Fingerprint && ours.Contains(seen), $"{bundle.Hostname} serves {seen}");
                    return seen == bundle.Fingerprint;
                },
                () => $"{bundle.Hostname} is served: {seen}");
        }
    }

    [Fact]
    public async Task A_phantom_that_memory_lost_is_loaded_again_from_disk()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundle = Authority.Issue("shop.example.com");
        Api.Want(bundle);
        await Eventually.True(() => Api.IsServing(bundle), () => "it is served");

        // A reload that finds an empty directory: what the disk holds afterwards, memory does not.
        var file = Proxy.PathOf(bundle.Hostname).Value;
        var content = File.ReadAllBytes(file);
        File.Delete(file);
        await Proxy.Reload();
        File.WriteAllBytes(file, content);

        await Eventually.True(
            async () => await Proxy.Visit(bundle.Hostname) == bundle.Fingerprint, () =>
                $"it is served. {agent.Log.Text}");
    }

    [Fact]
    public async Task A_damaged_file_is_quarantined_fetched_again_and_haproxy_still_starts()
    {
        var (whole, damaged) = (Authority.Issue("whole.example.com"), Authority.Issue("damaged.example.com"));
        Api.Want(whole, damaged);
        await using (var agent = await RunningAgent.Start(Proxy, Api, Authority))
        {
            await Eventually.True(() => Api.IsServing(whole) && Api.IsServing(damaged), () => "both are served");
        }

        await Proxy.KillNow();
        var path = Proxy.PathOf(damaged.Hostname);
        File.WriteAllText(path.Value, File.ReadAllText(path.Value)[..700]);
        Assert.NotEqual(0, Proxy.Check().Status);

        await using var again = await RunningAgent.Start(Proxy, Api, Authority);
        Assert.Equal(0, Proxy.Check().Status);
        await Proxy.Run();
        await Eventually.True(
            async () => await Proxy.Visit(damaged.Hostname) == damaged.Fingerprint, () =>
                $"it is served. {again.Log.Text}");

        Assert.True(File.Exists(Path.Combine(Proxy.Certificates, path.Name.QuarantineFileName)));
        Assert.Equal(whole.Fingerprint, await Proxy.Visit(whole.Hostname));
    }

    [Fact]
    public async Task Without_the_api_a_restarted_agent_serves_and_proves_from_disk_alone()
    {
        var bundle = Authority.Issue("shop.example.com");
        Api.Want(bundle);
        await using (var agent = await RunningAgent.Start(Proxy, Api, Authority))
        {
            await Eventually.True(() => Api.IsServing(bundle), () => "it is served");
        }

        await Api.Stop();
        await using var alone = await RunningAgent.Start(Proxy, Api, Authority);
        await Eventually.True(
            () => alone.Part<NodeView>().ProvenOf(bundle.Hostname) == bundle.Fingerprint, () =>
                $"it is proven. {alone.Log.Text}");
        Assert.Null(alone.Part<Readiness>().Reason);

        var next = Authority.Issue("next.example.com");
        Api.Want(next);
        await Api.Run();
        await Eventually.True(
            () => Api.IsServing(next), () => $"it catches up when the API returns. {alone.Log.Text}");
    }

    [Fact]
    public async Task A_mass_withdrawal_without_approval_is_held_and_with_one_it_is_carried_out()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundles = Enumerable.Range(0, 30).Select(i => Authority.Issue($"d{i}.example.com")).ToArray();
        var names = bundles.Select(bundle => bundle.Hostname).ToArray();
        Api.Want(bundles);
        await Eventually.True(() => Array.TrueForAll(bundles, Api.IsServing), () => "all are served");

        Api.Withdraw(null, names);
        await Eventually.True(
            () => names.All(name => Api.RowOf(name)!.State != ObservedDomainState.Serving), () =>
                $"all are answered. {agent.Log.Text}");
        var held = names.Where(name => Api.RowOf(name)!.Error?.Code == NodeErrorCodes.WithdrawalsHeld).ToArray();

        Assert.Equal(10, held.Length);
        Assert.Equal(10, Directory.GetFiles(Proxy.Certificates, "*.pem").Length);
        Assert.Contains("ALARM", agent.Log.Text, StringComparison.Ordinal);
        Api.Withdraw("approval-1", held);
        await Eventually.True(
            () => names.All(name => Api.RowOf(name)!.State == ObservedDomainState.Withdrawn), () => "all are gone");
    }

    [Fact]
    public async Task An_answer_of_an_older_epoch_is_refused_with_an_alarm_and_serving_goes_on()
    {
        Api.Epoch = 7;
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var bundle = Authority.Issue("shop.example.com");
        Api.Want(bundle);
        await Eventually.True(() => Api.IsServing(bundle), () => "it is served");

        Api.SetEpoch(6);
        Api.Withdraw("forged", bundle.Hostname);
        await Eventually.True(
            () => agent.Log.Text.Contains("ALARM", StringComparison.Ordinal), () => "the alarm is raised");

        Assert.Equal(bundle.Fingerprint, await Proxy.Visit(bundle.Hostname));
    }

    [Fact]
    public async Task An_older_certificate_than_the_one_served_is_not_taken()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var older = Authority.Issue("shop.example.com", days: 10, backdatedHours: 200);
        var newer = Authority.Issue("shop.example.com", days: 60);
        Api.Want(newer);
        await Eventually.True(() => Api.IsServing(newer), () => "the newer is served");

        Api.Want(older);
        await Eventually.True(
            () => Api.RowOf(newer.Hostname)!.Error?.Code == NodeErrorCodes.Rollback, () =>
                $"it is refused. {agent.Log.Text}");

        Assert.Equal(newer.Fingerprint, await Proxy.Visit(newer.Hostname));
    }
}
