using Benchmarks.Bed;
using ControlPlane.Contracts;
using LocalFleet;

namespace Benchmarks.Scenarios;

/// <summary>From the COMMIT of a change to the last byte at each of a thousand agents that wait for it.</summary>
internal sealed class Wake : IScenario
{
    private const int Agents = 1000;
    private const int Domains = 1000;
    private const int Rounds = 12;

    /// <summary>Compiled methods and open connections: the first rounds are not counted.</summary>
    private const int WarmRounds = 2;

    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(12);

    public string Name => "wake";

    public string Summary => "1,000 agents wait at one replica: from commit to receipt, and CPU while they wait";

    public async Task<Outcome> RunAsync(CancellationToken stop)
    {
        await using var bench = BenchFleet.Prepare();
        await bench.StartApiAsync(stop);
        return await bench.UnlessDeadAsync(token => MeasureAsync(bench, token), stop);
    }

    private async Task<Outcome> MeasureAsync(BenchFleet bench, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var domains = BenchDomain.Listed(Domains);
        var rows = new DomainRows(bench.Owner, bench.Id, time.GetUtcNow().AddDays(199));
        await rows.PrepareAsync(domains[0].Leaf, stop);
        await rows.AddAsync(domains, perRevision: 500, stop);
        var nodes = await BenchNode.JoinAsync(bench.Owner, bench.Id, Agents, stop);
        using var http = BenchNode.Client(bench.Api);
        var start = await nodes[0].CursorAsync(http, stop);
        var cursors = Enumerable.Repeat(start, Agents).ToArray();
        var connectedRss = 0.0;
        var idleShare = 0.0;
        List<double> latencies = [];
        List<double> roundP99 = [];
        List<double> cpu = [];
        for (var round = 0; round < Rounds; round++)
        {
            // Nothing is parsed before all have their answer: the agents' own work is not what is measured.
            var polls = nodes.Select((node, i) => node.PollAsync(http, cursors[i], Routes.MaxWaitSeconds, stop))
                .ToArray();
            await ProcessFigures.UntilIdleAsync(bench.ApiPid, stop);
            // Last of all: what a young program does while nobody asks it for anything is to compile itself.
            if (round == Rounds - 1)
            {
                connectedRss = ProcessFigures.Rss(bench.ApiPid);
                idleShare = await IdleShareAsync(bench.ApiPid, stop);
            }

            var before = ProcessFigures.CpuSeconds(bench.ApiPid);
            var committed = await rows.PublishAsync([domains[round].Renewed()], areNew: false, stop);
            var answers = await Task.WhenAll(polls);
            cursors = [.. answers.Select(CursorAfterChange)];
            if (round >= WarmRounds)
            {
                var times = answers.Select(a => time.GetElapsedTime(committed, a.At).TotalMilliseconds).ToList();
                latencies.AddRange(times);
                roundP99.Add(Spread.Of(times).P99);
                cpu.Add(ProcessFigures.CpuSeconds(bench.ApiPid) - before);
            }
        }

        foreach (var node in nodes)
        {
            node.Dispose();
        }

        http.Dispose();
        await ProcessFigures.UntilIdleAsync(bench.ApiPid, stop);
        var aloneShare = await IdleShareAsync(bench.ApiPid, stop);
        var all = Spread.Of(latencies);
        return new Outcome(
            Name,
            new Dictionary<string, double>
            {
                ["agents"] = Agents,
                ["rounds"] = roundP99.Count,
                ["commitToReceiptP50Ms"] = all.P50,
                ["commitToReceiptP99Ms"] = all.P99,
                ["commitToReceiptMaxMs"] = all.Max,
                ["medianOfRoundsP99Ms"] = Spread.Of(roundP99).P50,
                ["bestRoundP99Ms"] = roundP99.Min(),
                ["apiCpuPerRoundMs"] = 1000 * Spread.Of(cpu).P50,
                ["idleCpuPercentOfACore"] = 100 * idleShare,
                ["idleCpuPercentWithoutAgents"] = 100 * aloneShare,
                ["rssWhileWaitingMb"] = connectedRss,
            },
            [
                Goal.AtMost("from commit to receipt, p99", 100, "ms", all.P99),
                Goal.AtMost("CPU of the API while all wait", 2, "% of a core", 100 * idleShare),
            ]);
    }

    /// <exception cref="FleetException">The poll ended before the change came.</exception>
    private static string CursorAfterChange(Answer answer) => answer.Page is { Upserts.Count: > 0 } page
        ? page.Cursor
        : throw new FleetException("A poll did not wait until the change: this machine is too busy to measure on.");

    private static async Task<double> IdleShareAsync(int pid, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var before = ProcessFigures.CpuSeconds(pid);
        var began = time.GetTimestamp();
        await Task.Delay(Idle, time, stop);
        return (ProcessFigures.CpuSeconds(pid) - before) / time.GetElapsedTime(began).TotalSeconds;
    }
}
