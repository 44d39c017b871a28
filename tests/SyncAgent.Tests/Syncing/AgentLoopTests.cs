using ControlPlane.Contracts;
using SyncAgent.Syncing;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>The loop on a good day: a real HAProxy, and a stand-in for the control plane.</summary>
public sealed class AgentLoopTests : IAsyncLifetime
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
    public async Task A_wanted_bundle_is_served_and_proven_on_disk_in_memory_and_by_handshake()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundle = _authority.Issue("shop.example.com");

        _api.Want(bundle);
        await Eventually.True(
            () => _api.IsServing(bundle), () => $"the bundle is reported as served. {agent.Log.Text}");

        var row = _api.RowOf("shop.example.com")!;
        Assert.Equal((bundle.Fingerprint, bundle.Fingerprint), (row.DiskFingerprint, row.MemoryFingerprint));
        Assert.Null(row.Error);
        Assert.Equal(bundle.Fingerprint, await _proxy.Visit("shop.example.com"));
        var file = _proxy.PathOf("shop.example.com").Value;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(0, _proxy.Check().Status);
        await Eventually.True(() => _api.Reports.Any(report => report.Synced), () => "a report says synced");
        Assert.Equal(_proxy.ReadPid(), _api.Reports.Last().HAProxy!.Pid);
        Assert.Empty(_api.Refusals);
    }

    [Fact]
    public async Task A_renewed_bundle_replaces_the_old_one_without_a_reload()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var (first, second) = (_authority.Issue("shop.example.com"), _authority.Issue("shop.example.com", days: 60));
        var pid = _proxy.ReadPid();

        _api.Want(first);
        await Eventually.True(() => _api.IsServing(first), () => "the first is served");
        _api.Want(second);
        await Eventually.True(() => _api.IsServing(second), () => $"the second is served. {agent.Log.Text}");

        Assert.Equal(pid, _proxy.ReadPid());
    }

    [Fact]
    public async Task A_withdrawn_name_leaves_listener_memory_and_disk()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var (gone, stays) = (_authority.Issue("gone.example.com"), _authority.Issue("stays.example.com"));
        _api.Want(gone, stays);
        await Eventually.True(() => _api.IsServing(gone) && _api.IsServing(stays), () => "both are served");

        _api.Withdraw(null, gone.Hostname);
        await Eventually.True(
            () => _api.RowOf(gone.Hostname)!.State == ObservedDomainState.Withdrawn, () =>
                $"it is reported. {agent.Log.Text}");

        Assert.False(File.Exists(_proxy.PathOf(gone.Hostname).Value));
        Assert.DoesNotContain(gone.Hostname, _proxy.Ask("show ssl cert\n"), StringComparison.Ordinal);
        Assert.Contains("unrecognized name", await _proxy.Visit(gone.Hostname), StringComparison.Ordinal);
        Assert.Equal(stays.Fingerprint, await _proxy.Visit(stays.Hostname));
    }

    [Fact]
    public async Task Three_hundred_names_are_served_in_more_than_one_batch()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundles = Enumerable.Range(0, 300).Select(i => _authority.Issue($"d{i}.example.com")).ToArray();

        _api.Want(bundles);
        await Eventually.True(
            () => Array.TrueForAll(bundles, _api.IsServing),
            () => $"all are served, not {bundles.Count(_api.IsServing)}");

        await Eventually.True(() => agent.Part<Readiness>().Reason is null, () => "the node is ready");
        Assert.Equal(300, Directory.GetFiles(_proxy.Certificates, "*.pem").Length);
        Assert.Empty(Directory.GetFiles(_proxy.Certificates, ".*"));
    }

    [Fact]
    public async Task A_clock_that_is_off_is_corrected_by_the_servers_time()
    {
        _api.ClockAhead = TimeSpan.FromMinutes(42);
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var bundle = _authority.Issue("shop.example.com");

        _api.Want(bundle);
        await Eventually.True(() => _api.IsServing(bundle), () => $"it is served. {agent.Log.Text}");

        Assert.NotEmpty(_api.Refusals);
    }

    [Fact]
    public async Task Nothing_that_is_logged_holds_a_private_key_or_the_join_code()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var (good, bad) = (_authority.Issue("good.example.com"), _authority.Issue("bad.example.com"));
        _api.Tamper = b => b.Hostname == bad.Hostname ? b with { SealedKey = [.. b.SealedKey.Reverse()] } : b;
        _api.Want(good, bad);
        await Eventually.True(
            () => _api.IsServing(good) && _api.RowOf(bad.Hostname) is not null, () => "both are reported");

        var canary = Convert.ToBase64String(good.Pkcs8)[40..80];
        Assert.NotEqual("", agent.Log.Text);
        Assert.DoesNotContain("PRIVATE KEY", agent.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("BEGIN", agent.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(canary, agent.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(ApiStandIn.JoinCode, agent.Log.Text, StringComparison.Ordinal);
    }
}
