using ControlPlane.Contracts;

namespace SyncAgent.Tests.Syncing;

/// <summary>What the loop finds by itself: a record, a memory or a file that is not what it should be.</summary>
public sealed class AgentDriftTests : AgentTests
{
    /// <summary>Fails when the record is believed to be complete because every page was read.</summary>
    [Fact]
    public async Task A_name_that_no_page_told_of_is_found_by_the_digest_and_served()
    {
        var (told, lost) = (Authority.Issue("told.example.com"), Authority.Issue("lost.example.com"));
        Api.OnPage = page => page with
        {
            Upserts = [.. page.Upserts.Where(wanted => wanted.Hostname != lost.Hostname)],
        };
        Api.Want(told, lost);
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);

        await Eventually.True(
            () => Api.IsServing(told) && Api.IsServing(lost), () => $"both are served. {agent.Log.Text}");

        Assert.Contains("syncagent_drift_total{cause=\"missing\"} 1\n", await Metrics(), StringComparison.Ordinal);
        await Eventually.True(
            () => Api.Reports.Any(report => report.Alarms.Any(alarm =>
                alarm.Code == NodeAlarmCodes.RecordDrift
                && alarm.Detail.Contains(lost.Hostname, StringComparison.Ordinal))),
            () => $"the control plane is told. {agent.Log.Text}");
        // Every call said that it reads compressed answers, and the stand-in compressed them.
        Assert.All(Api.Encodings.Skip(1), said => Assert.Contains("br", said, StringComparison.Ordinal));
    }

    /// <summary>Fails when a relist deletes by absence, misses a change of the time away, or takes anything down on its
    /// way.</summary>
    [Fact]
    public async Task Away_for_longer_than_the_kept_history_it_relists_and_ends_with_the_right_set_without_a_gap()
    {
        var (changed, gone, stays, added) = (
            Authority.Issue("changed.example.com"), Authority.Issue("gone.example.com"),
            Authority.Issue("stays.example.com"), Authority.Issue("added.example.com"));
        var renewed = Authority.Issue(changed.Hostname, days: 60);
        Api.Want(changed, gone, stays);
        await using (var before = await RunningAgent.Start(Proxy, Api, Authority))
        {
            await Eventually.True(
                () => new[] { changed, gone, stays }.All(Api.IsServing), () => $"all are served. {before.Log.Text}");
        }

        Api.Withdraw(null, gone.Hostname);
        Api.Want(renewed, added);
        Api.ForgetHistory();
        using var done = new CancellationTokenSource();
        var seen = Prober(done.Token, stays.Hostname, changed.Hostname, gone.Hostname);
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        await Eventually.True(
            () => Api.IsServing(renewed) && Api.IsServing(added)
                && Api.Reports.Any(report => report.Strays is { Total: 1 } strays
                    && strays.Names[0].Hostname == gone.Hostname),
            () => $"the new are served, and the one that is wanted no more is told. {agent.Log.Text}");
        await done.CancelAsync();

        string[] allowed = [stays.Fingerprint, changed.Fingerprint, renewed.Fingerprint, gone.Fingerprint];
        Assert.All(await seen, fingerprint => Assert.Contains(fingerprint, allowed));
        Assert.Contains("The history behind our cursor is gone", agent.Log.Text, StringComparison.Ordinal);
        // Nobody withdrew it where this node could hear it: deletion is never inferred from absence.
        Assert.Equal(gone.Fingerprint, await Proxy.Visit(gone.Hostname));
        Assert.Contains("syncagent_drift_total{cause=\"stray\"} 1\n", await Metrics(), StringComparison.Ordinal);
    }

    /// <summary>Fails when memory is read at a start only.</summary>
    [Fact]
    public async Task What_memory_loses_while_haproxy_runs_is_found_by_the_audit_and_loaded_again()
    {
        await using var agent = await RunningAgent.Start(
            Proxy, Api, Authority, options => options with { AuditEvery = TimeSpan.FromSeconds(2) });
        var (lost, swapped) = (Authority.Issue("lost.example.com"), Authority.Issue("swapped.example.com"));
        var stranger = Authority.Issue("stranger.example.com");
        Api.Want(lost, swapped);
        await Eventually.True(() => Api.IsServing(lost) && Api.IsServing(swapped), () => "both are served");

        var (path, other) = (Proxy.PathOf(lost.Hostname), Proxy.PathOf(swapped.Hostname));
        Proxy.Ask($"del ssl crt-list {path.Directory} {path}\n");
        Proxy.Ask($"del ssl cert {path}\n");
        Proxy.Ask($"set ssl cert {other} <<\n{lost.Pem}\n");
        Proxy.Ask($"commit ssl cert {other}\n");
        Proxy.Ask($"new ssl cert {Proxy.PathOf(stranger.Hostname)}\n");

        await Eventually.True(
            async () => await Proxy.Visit(lost.Hostname) == lost.Fingerprint
                && await Proxy.Visit(swapped.Hostname) == swapped.Fingerprint,
            () => $"both are served again. {agent.Log.Text}");
        await Eventually.True(
            async () => (await Metrics()).Contains("syncagent_memory_only 1\n", StringComparison.Ordinal),
            () => $"the stranger is told. {agent.Log.Text}");
        var metrics = await Metrics();
        Assert.DoesNotContain("syncagent_audit_drift_total{cause=\"phantom\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain(
            "syncagent_audit_drift_total{cause=\"memory-differs\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("stranger.example.com", Proxy.Ask("show ssl cert\n"), StringComparison.Ordinal);
        var drifts = Api.Reports.SelectMany(report => report.Alarms)
            .Where(alarm => alarm.Code == NodeAlarmCodes.MemoryDrift);
        await Eventually.True(
            () => drifts.Any() && Api.Reports.Last().Alarms.Count == 0,
            () => $"the control plane is told, and that it is over once a round finds nothing. {agent.Log.Text}");
    }

    /// <summary>Fails when renewals are as urgent as names that nobody serves yet.</summary>
    [Fact]
    public async Task A_new_name_does_not_wait_behind_a_mass_renewal()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var served = Enumerable.Range(0, 80).Select(n => Authority.Issue($"n{n}.example.com")).ToArray();
        Api.Want(served);
        await Eventually.True(() => served.All(Api.IsServing), () => $"all are served. {agent.Log.Text}");

        var renewed = served.Select(bundle => Authority.Issue(bundle.Hostname, days: 60)).ToArray();
        var added = Authority.Issue("new.example.com");
        Api.Want(renewed);
        await Eventually.True(() => renewed.Any(Api.IsServing), () => $"the renewals have begun. {agent.Log.Text}");
        Api.Want(added);
        await Eventually.True(() => Api.IsServing(added), () => $"the new one is served. {agent.Log.Text}");

        Assert.Contains(renewed, bundle => !Api.IsServing(bundle));
        await Eventually.True(() => renewed.All(Api.IsServing), () => $"all are renewed. {agent.Log.Text}");
    }

    /// <summary>Fails when a file that only HAProxy can judge stays where its next start finds it.</summary>
    [Fact]
    public async Task A_file_that_haproxy_refuses_to_load_is_set_aside_before_its_next_start()
    {
        var weak = Authority.IssueTooWeak("weak.example.com");
        var good = Authority.Issue("good.example.com");
        var path = Proxy.PathOf(weak.Hostname);
        using (var payload = weak.ToPayload())
        {
            File.WriteAllBytes(path.Value, payload.Bytes.Span);
        }

        Assert.NotEqual(0, Proxy.Check().Status);
        Api.Want(weak, good);
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);

        await Eventually.True(() => !File.Exists(path.Value), () => $"it is out of sight. {agent.Log.Text}");
        Assert.Equal(0, Proxy.Check().Status);
        Assert.True(File.Exists(Path.Combine(Proxy.Certificates, path.Name.QuarantineFileName)));
        await Eventually.True(
            () => Api.IsServing(good) && Api.RowOf(weak.Hostname)?.Error?.Code == NodeErrorCodes.HAProxyRefused,
            () => $"it is told with its cause, and the other one is served. {agent.Log.Text}");
        await Eventually.True(
            async () => (await Metrics()).Contains("syncagent_domains_set_aside 1\n", StringComparison.Ordinal),
            () => $"it is counted. {agent.Log.Text}");
    }

    private async Task<string> Metrics()
    {
        using var client = RunningAgent.ClientOf(Path.Combine(Proxy.Home, "agent.sock"));
        return await client.GetStringAsync("/metrics");
    }

    /// <summary>Visits without pause until told to end.</summary>
    private async Task<IReadOnlyList<string>> Prober(CancellationToken done, params string[] hostnames)
    {
        var seen = new List<string>();
        while (!done.IsCancellationRequested)
        {
            foreach (var hostname in hostnames)
            {
                seen.Add(await Proxy.Visit(hostname));
            }
        }

        return seen;
    }
}
