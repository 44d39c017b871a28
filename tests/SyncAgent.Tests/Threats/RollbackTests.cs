using ControlPlane.Contracts;
using SyncAgent.Syncing;
using SyncAgent.Tests.HAProxy;
using SyncAgent.Tests.Syncing;

namespace SyncAgent.Tests.Threats;

/// <summary>Rollback: genuine answers, recorded and played again.</summary>
public sealed class RollbackTests : IAsyncLifetime
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

    /// <summary>Fails when the kept position is compared with less than both its parts, is lost at a restart, or when a
    /// refusal stops the node from serving or from being ready.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public async Task A_recorded_answer_of_an_older_revision_or_epoch_is_refused_told_once_and_never_stops_serving(
        long epoch)
    {
        var (first, second) = (_authority.Issue("first.example.com"), _authority.Issue("second.example.com"));
        var old = default(DesiredStatePage)!;
        await using (var agent = await RunningAgent.Start(_proxy, _api, _authority))
        {
            _api.Want(first);
            await Eventually.True(() => _api.IsServing(first), () => $"the first is served. {agent.Log.Text}");
            old = _api.Pages.Last(page => page.Upserts.Count == 1) with { Epoch = epoch };
            _api.Want(second);
            await Eventually.True(() => _api.IsServing(second), () => $"the second is served. {agent.Log.Text}");

            _api.OnPage = _ => old;
            _api.SetEpoch(_api.Epoch);
            await RefusedAsync(agent, _api.Pages.Count);
        }

        await using (var agent = await RunningAgent.Start(_proxy, _api, _authority))
        {
            await RefusedAsync(agent, _api.Pages.Count);
            Assert.Equal(first.Fingerprint, await _proxy.Visit(first.Hostname));
            Assert.Equal(second.Fingerprint, await _proxy.Visit(second.Hostname));
            await Eventually.True(
                () => agent.Part<Readiness>().Reason is null, () => $"the node is ready. {agent.Log.Text}");
            using var local = RunningAgent.ClientOf(Path.Combine(_proxy.Home, "agent.sock"));
            Assert.Contains("ALARM answer-older", await local.GetStringAsync("/readyz"), StringComparison.Ordinal);
            Assert.Contains(
                "syncagent_alarm_answer_older 1", await local.GetStringAsync("/metrics"), StringComparison.Ordinal);

            _api.OnPage = page => page;
            await Eventually.True(
                () => _api.Reports.Last().Alarms.Count == 0, () => $"the alarm is over. {agent.Log.Text}");
        }
    }

    /// <summary>Fails when the dates are not compared with those on disk, or when a new epoch may bring what is
    /// older.</summary>
    [Fact]
    public async Task An_older_certificate_is_not_delivered_unasked_even_in_a_new_epoch()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var older = _authority.Issue("shop.example.com", days: 10, backdatedHours: 200);
        var newer = _authority.Issue("shop.example.com", days: 60);
        _api.Want(newer);
        await Eventually.True(() => _api.IsServing(newer), () => "the newer is served");

        _api.Want(older);
        _api.SetEpoch(2);
        await Eventually.True(
            () => _api.RowOf(newer.Hostname)!.Error?.Code == NodeErrorCodes.Rollback,
            () => $"it is refused. {agent.Log.Text}");

        Assert.Equal(newer.Fingerprint, await _proxy.Visit(newer.Hostname));
        Assert.Equal(newer.Fingerprint, _api.RowOf(newer.Hostname)!.HandshakeFingerprint);
    }

    /// <summary>Fails when a bundle is believed to be its name's because the API says so.</summary>
    [Fact]
    public async Task A_bundle_whose_leaf_is_another_names_is_refused_before_it_touches_disk_or_memory()
    {
        await using var agent = await RunningAgent.Start(_proxy, _api, _authority);
        var good = _authority.Issue("good.example.com");
        var crossed = _authority.Issue("victim.example.com") with { Hostname = "attacker.example.com" };

        _api.Want(crossed, good);
        await Eventually.True(
            () => _api.IsServing(good) && _api.RowOf(crossed.Hostname)?.Error is not null,
            () => $"both are reported. {agent.Log.Text}");

        Assert.Equal(NodeErrorCodes.BundleMismatch, _api.RowOf(crossed.Hostname)!.Error!.Code);
        Assert.False(File.Exists(_proxy.PathOf(crossed.Hostname).Value));
        Assert.DoesNotContain(crossed.Hostname, _proxy.Ask("show ssl cert\n"), StringComparison.Ordinal);
    }

    /// <summary>Several refusals, one alarm, and a report that carries it.</summary>
    private async Task RefusedAsync(RunningAgent agent, int pages)
    {
        await Eventually.True(
            () => _api.Pages.Count >= pages + 3 && _api.Reports.Last().Alarms.Any(IsOlder),
            () => $"the old answer is refused again and again. {agent.Log.Text}");
        Assert.Single(
            agent.Log.Text.Split('\n'), line => line.Contains("ALARM answer-older", StringComparison.Ordinal));
    }

    private static bool IsOlder(NodeAlarm alarm) => alarm.Code == NodeAlarmCodes.AnswerOlder;
}
