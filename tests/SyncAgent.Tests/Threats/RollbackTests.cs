using ControlPlane.Contracts;
using SyncAgent.Syncing;
using SyncAgent.Tests.Syncing;

namespace SyncAgent.Tests.Threats;

/// <summary>Rollback: genuine answers, recorded and played again.</summary>
public sealed class RollbackTests : AgentTests
{
    /// <summary>Fails when the kept position is compared with less than both its parts, is lost at a restart, or when a
    /// refusal stops the node from serving or from being ready.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public async Task A_recorded_answer_of_an_older_revision_or_epoch_is_refused_told_once_and_never_stops_serving(
        long epoch)
    {
        var (first, second) = (Authority.Issue("first.example.com"), Authority.Issue("second.example.com"));
        var old = default(DesiredStatePage)!;
        await using (var agent = await RunningAgent.Start(Proxy, Api, Authority))
        {
            Api.Want(first);
            await Eventually.True(() => Api.IsServing(first), () => $"the first is served. {agent.Log.Text}");
            old = Api.Pages.Last(page => page.Upserts.Count == 1) with { Epoch = epoch };
            Api.Want(second);
            await Eventually.True(() => Api.IsServing(second), () => $"the second is served. {agent.Log.Text}");

            Api.OnPage = _ => old;
            Api.SetEpoch(Api.Epoch);
            await RefusedAsync(agent, Api.Pages.Count);
        }

        await using (var agent = await RunningAgent.Start(Proxy, Api, Authority))
        {
            await RefusedAsync(agent, Api.Pages.Count);
            Assert.Equal(first.Fingerprint, await Proxy.Visit(first.Hostname));
            Assert.Equal(second.Fingerprint, await Proxy.Visit(second.Hostname));
            await Eventually.True(
                () => agent.Part<Readiness>().Reason is null, () => $"the node is ready. {agent.Log.Text}");
            using var local = RunningAgent.ClientOf(Path.Combine(Proxy.Home, "agent.sock"));
            Assert.Contains("ALARM answer-older", await local.GetStringAsync("/readyz"), StringComparison.Ordinal);
            Assert.Contains(
                "syncagent_alarm_answer_older 1", await local.GetStringAsync("/metrics"), StringComparison.Ordinal);

            Api.OnPage = page => page;
            await Eventually.True(
                () => Api.Reports.Last().Alarms.Count == 0, () => $"the alarm is over. {agent.Log.Text}");
        }
    }

    /// <summary>Fails when the dates are not compared with those on disk, or when a new epoch may bring what is
    /// older.</summary>
    [Fact]
    public async Task An_older_certificate_is_not_delivered_unasked_even_in_a_new_epoch()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var older = Authority.Issue("shop.example.com", days: 10, backdatedHours: 200);
        var newer = Authority.Issue("shop.example.com", days: 60);
        Api.Want(newer);
        await Eventually.True(() => Api.IsServing(newer), () => "the newer is served");

        Api.Want(older);
        Api.SetEpoch(2);
        await Eventually.True(
            () => Api.RowOf(newer.Hostname)!.Error?.Code == NodeErrorCodes.Rollback,
            () => $"it is refused. {agent.Log.Text}");

        Assert.Equal(newer.Fingerprint, await Proxy.Visit(newer.Hostname));
        Assert.Equal(newer.Fingerprint, Api.RowOf(newer.Hostname)!.HandshakeFingerprint);
    }

    /// <summary>Fails when a bundle is believed to be its name's because the API says so.</summary>
    [Fact]
    public async Task A_bundle_whose_leaf_is_another_names_is_refused_before_it_touches_disk_or_memory()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var good = Authority.Issue("good.example.com");
        var crossed = Authority.Issue("victim.example.com") with { Hostname = "attacker.example.com" };

        Api.Want(crossed, good);
        await Eventually.True(
            () => Api.IsServing(good) && Api.RowOf(crossed.Hostname)?.Error is not null,
            () => $"both are reported. {agent.Log.Text}");

        Assert.Equal(NodeErrorCodes.BundleMismatch, Api.RowOf(crossed.Hostname)!.Error!.Code);
        Assert.False(File.Exists(Proxy.PathOf(crossed.Hostname).Value));
        Assert.DoesNotContain(crossed.Hostname, Proxy.Ask("show ssl cert\n"), StringComparison.Ordinal);
    }

    /// <summary>Several refusals, one alarm, and a report that carries it.</summary>
    private async Task RefusedAsync(RunningAgent agent, int pages)
    {
        await Eventually.True(
            () => Api.Pages.Count >= pages + 3 && Api.Reports.Last().Alarms.Any(IsOlder),
            () => $"the old answer is refused again and again. {agent.Log.Text}");
        Assert.Single(
            agent.Log.Text.Split('\n'), line => line.Contains("ALARM answer-older", StringComparison.Ordinal));
    }

    private static bool IsOlder(NodeAlarm alarm) => alarm.Code == NodeAlarmCodes.AnswerOlder;
}
