using ControlPlane.Contracts;
using SyncAgent.Syncing;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>The loop on bad days.</summary>
public sealed class AgentFaultTests : IAsyncLifetime
{
    private readonly TestAuthority _authority = new();
    private RealHaproxy _proxy = null!;
    private ApiStandIn _api = null!;

    public async ValueTask InitializeAsync()
    {
        _proxy = await RealHaproxy.Start();
        _api = await ApiStandIn.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _proxy.DisposeAsync();
        _authority.Dispose();
    }

    [Fact]
    public async Task A_bad_bundle_is_refused_with_its_cause_and_its_neighbours_are_served()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var good = _authority.Issue("good.example.com");
        var broken = _authority.Issue("broken-seal.example.com");
        var mixed = _authority.Issue("mixed.example.com");
        var other = _authority.Issue("mixed.example.com");
        var big = _authority.Issue("big.example.com", paddingBytes: 20_000);
        _api.Tamper = bundle => bundle.Hostname switch
        {
            "broken-seal.example.com" => bundle with { Encapsulation = [4, .. bundle.Encapsulation[1..].Reverse()] },
            "mixed.example.com" => bundle with { Leaf = other.Leaf.RawData },
            _ => bundle,
        };

        _api.Want(broken, mixed, big, good);
        await Eventually.True(
            () => _api.IsServing(good)
                && new[] { broken, mixed, big }.All(bundle => _api.RowOf(bundle.Hostname) is not null),
            () => $"all are reported. {agent.Log.Text}");

        Assert.Equal(NodeErrorCodes.SealBroken, _api.RowOf(broken.Hostname)!.Error!.Code);
        Assert.Equal(NodeErrorCodes.BundleMismatch, _api.RowOf(mixed.Hostname)!.Error!.Code);
        Assert.Equal(NodeErrorCodes.Oversized, _api.RowOf(big.Hostname)!.Error!.Code);
        Assert.Equal(["good.example.com.pem"], Directory.GetFiles(_proxy.Certificates).Select(Path.GetFileName));
        Assert.Null(agent.Part<Readiness>().Reason);
    }

    [Fact]
    public async Task A_disk_that_takes_nothing_leaves_the_old_file_as_it_was_and_is_reported()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var (old, next) = (_authority.Issue("shop.example.com"), _authority.Issue("shop.example.com", days: 60));
        _api.Want(old);
        await Eventually.True(() => _api.IsServing(old), () => "the old one is served");
        var path = _proxy.PathOf(old.Hostname);
        var before = File.ReadAllBytes(path.Value);

        // A directory in the stage's place fails every write, for root too.
        var obstacle = Directory.CreateDirectory(Path.Combine(_proxy.Certificates, path.Name.StageFileName));
        _api.Want(next);
        await Eventually.True(
            () => _api.RowOf(old.Hostname)!.Error?.Code == NodeErrorCodes.DiskFailed,
            () => $"it is reported. {agent.Log.Text}");

        Assert.Equal(before, File.ReadAllBytes(path.Value));
        Assert.Equal(old.Fingerprint, await _proxy.Visit(old.Hostname));
        obstacle.Delete();
        await Eventually.True(() => _api.IsServing(next), () => $"it is served once there is room. {agent.Log.Text}");
    }

    [Fact]
    public async Task A_chain_that_no_visitor_trusts_is_reported_as_a_handshake_that_failed()
    {
        using var stranger = new TestAuthority("A Stranger");
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundle = stranger.Issue("shop.example.com");

        _api.Want(bundle);
        await Eventually.True(() => _api.RowOf(bundle.Hostname) is not null, () => "it is reported");

        var row = _api.RowOf(bundle.Hostname)!;
        Assert.Equal((ObservedDomainState.Refused, NodeErrorCodes.HandshakeMismatch), (row.State, row.Error!.Code));
        Assert.Contains("trusted root", row.Error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_haproxy_was_killed_and_started_disk_is_memory_again_and_proven()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundles = Enumerable.Range(0, 20).Select(i => _authority.Issue($"d{i}.example.com")).ToArray();
        _api.Want(bundles);
        await Eventually.True(() => Array.TrueForAll(bundles, _api.IsServing), () => "all are served");

        await _proxy.KillNow();
        await Eventually.True(() => agent.Part<Readiness>().Reason is not null, () => "the agent notices");
        await _proxy.Run();
        await Eventually.True(
            () => agent.Part<NodeView>() is { } view
                && Array.TrueForAll(bundles, b => view.ProvenOf(b.Hostname) == b.Fingerprint),
            () => $"all are proven again. {agent.Log.Text}");

        Assert.Equal(_proxy.ReadPid(), agent.Part<NodeView>().Process!.Pid);
    }

    [Fact]
    public async Task After_a_reload_beside_a_living_old_worker_the_new_worker_is_the_one_that_proves()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var (before, after) = (_authority.Issue("before.example.com"), _authority.Issue("after.example.com"));
        _api.Want(before);
        await Eventually.True(() => _api.IsServing(before), () => "it is served");
        using var keepsOldWorkerAlive = _proxy.Connect();

        await _proxy.Reload();
        _api.Want(after);
        await Eventually.True(() => _api.IsServing(after), () => $"it is served. {agent.Log.Text}");

        await Eventually.True(
            () => agent.Part<NodeView>().ProvenOf(before.Hostname) == before.Fingerprint, () =>
                "the old one is proven again");
        Assert.Equal(_proxy.ReadPid(), agent.Part<NodeView>().Process!.Pid);
        Assert.Equal(after.Fingerprint, await _proxy.Visit(after.Hostname));
    }

    [Fact]
    public async Task A_reload_between_set_and_commit_loses_nothing()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundles = Enumerable.Range(0, 60).Select(i => _authority.Issue($"d{i}.example.com")).ToArray();

        _api.Want(bundles[..30]);
        await _proxy.Reload();
        _api.Want(bundles[30..]);
        await _proxy.Reload();
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
                    seen = await _proxy.Visit(bundle.Hostname);
                    Assert.False(seen != bundle.Fingerprint && ours.Contains(seen), $"{bundle.Hostname} serves {seen}");
                    return seen == bundle.Fingerprint;
                },
                () => $"{bundle.Hostname} is served: {seen}");
        }
    }

    [Fact]
    public async Task A_phantom_that_memory_lost_is_loaded_again_from_disk()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundle = _authority.Issue("shop.example.com");
        _api.Want(bundle);
        await Eventually.True(() => _api.IsServing(bundle), () => "it is served");

        // A reload that finds an empty directory: what the disk holds afterwards, memory does not.
        var file = _proxy.PathOf(bundle.Hostname).Value;
        var content = File.ReadAllBytes(file);
        File.Delete(file);
        await _proxy.Reload();
        File.WriteAllBytes(file, content);

        await Eventually.True(
            async () => await _proxy.Visit(bundle.Hostname) == bundle.Fingerprint, () =>
                $"it is served. {agent.Log.Text}");
    }

    [Fact]
    public async Task A_damaged_file_is_quarantined_fetched_again_and_haproxy_still_starts()
    {
        var (whole, damaged) = (_authority.Issue("whole.example.com"), _authority.Issue("damaged.example.com"));
        _api.Want(whole, damaged);
        await using (var agent = await RunningAgent.Start(_proxy, _api, _authority))
        {
            await Eventually.True(() => _api.IsServing(whole) && _api.IsServing(damaged), () => "both are served");
        }

        await _proxy.KillNow();
        var path = _proxy.PathOf(damaged.Hostname);
        File.WriteAllText(path.Value, File.ReadAllText(path.Value)[..700]);
        Assert.NotEqual(0, _proxy.Check().Status);

        await using var again = await RunningAgent.Start(_proxy, _api, _authority);
        Assert.Equal(0, _proxy.Check().Status);
        await _proxy.Run();
        await Eventually.True(
            async () => await _proxy.Visit(damaged.Hostname) == damaged.Fingerprint, () =>
                $"it is served. {again.Log.Text}");

        Assert.True(File.Exists(Path.Combine(_proxy.Certificates, path.Name.QuarantineFileName)));
        Assert.Equal(whole.Fingerprint, await _proxy.Visit(whole.Hostname));
    }

    [Fact]
    public async Task Without_the_api_a_restarted_agent_serves_and_proves_from_disk_alone()
    {
        var bundle = _authority.Issue("shop.example.com");
        _api.Want(bundle);
        await using (var agent = await RunningAgent.Start(_proxy, _api, _authority))
        {
            await Eventually.True(() => _api.IsServing(bundle), () => "it is served");
        }

        await _api.Stop();
        await using var alone = await RunningAgent.Start(_proxy, _api, _authority);
        await Eventually.True(
            () => alone.Part<NodeView>().ProvenOf(bundle.Hostname) == bundle.Fingerprint, () =>
                $"it is proven. {alone.Log.Text}");
        Assert.Null(alone.Part<Readiness>().Reason);

        var next = _authority.Issue("next.example.com");
        _api.Want(next);
        await _api.Run();
        await Eventually.True(
            () => _api.IsServing(next), () => $"it catches up when the API returns. {alone.Log.Text}");
    }

    [Fact]
    public async Task A_mass_withdrawal_without_approval_is_held_and_with_one_it_is_carried_out()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundles = Enumerable.Range(0, 30).Select(i => _authority.Issue($"d{i}.example.com")).ToArray();
        var names = bundles.Select(bundle => bundle.Hostname).ToArray();
        _api.Want(bundles);
        await Eventually.True(() => Array.TrueForAll(bundles, _api.IsServing), () => "all are served");

        _api.Withdraw(null, names);
        await Eventually.True(
            () => names.All(name => _api.RowOf(name)!.State != ObservedDomainState.Serving), () =>
                $"all are answered. {agent.Log.Text}");
        var held = names.Where(name => _api.RowOf(name)!.Error?.Code == NodeErrorCodes.WithdrawalsHeld).ToArray();

        Assert.Equal(10, held.Length);
        Assert.Equal(10, Directory.GetFiles(_proxy.Certificates, "*.pem").Length);
        Assert.Contains("ALARM", agent.Log.Text, StringComparison.Ordinal);
        _api.Withdraw("approval-1", held);
        await Eventually.True(
            () => names.All(name => _api.RowOf(name)!.State == ObservedDomainState.Withdrawn), () => "all are gone");
    }

    [Fact]
    public async Task An_answer_of_an_older_epoch_is_refused_with_an_alarm_and_serving_goes_on()
    {
        _api.Epoch = 7;
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundle = _authority.Issue("shop.example.com");
        _api.Want(bundle);
        await Eventually.True(() => _api.IsServing(bundle), () => "it is served");

        _api.SetEpoch(6);
        _api.Withdraw("forged", bundle.Hostname);
        await Eventually.True(
            () => agent.Log.Text.Contains("ALARM", StringComparison.Ordinal), () => "the alarm is raised");

        Assert.Equal(bundle.Fingerprint, await _proxy.Visit(bundle.Hostname));
    }

    [Fact]
    public async Task An_older_certificate_than_the_one_served_is_not_taken()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var older = _authority.Issue("shop.example.com", days: 10, backdatedHours: 200);
        var newer = _authority.Issue("shop.example.com", days: 60);
        _api.Want(newer);
        await Eventually.True(() => _api.IsServing(newer), () => "the newer is served");

        _api.Want(older);
        await Eventually.True(
            () => _api.RowOf(newer.Hostname)!.Error?.Code == NodeErrorCodes.Rollback, () =>
                $"it is refused. {agent.Log.Text}");

        Assert.Equal(newer.Fingerprint, await _proxy.Visit(newer.Hostname));
    }
}
