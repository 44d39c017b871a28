using Benchmarks.Bed;

namespace Benchmarks.Scenarios;

/// <summary>The full list of 100,000 domains: by one agent, then by ten at once.</summary>
internal sealed class FullList : IScenario
{
    private const int Domains = 100_000;
    private const int Agents = 10;

    /// <summary>So often does one agent list all.</summary>
    private const int Lists = 3;

    /// <summary>At either end of a list.</summary>
    private const int Pages = 40;

    public string Name => "list";

    public string Summary => "the full list of 100,000 domains by one agent and by ten at once: memory, time per page";

    public async Task<Outcome> RunAsync(CancellationToken stop)
    {
        await using var bench = BenchFleet.Prepare();
        await bench.StartApiAsync(stop);
        return await bench.UnlessDeadAsync(token => MeasureAsync(bench, token), stop);
    }

    private async Task<Outcome> MeasureAsync(BenchFleet bench, CancellationToken stop)
    {
        var (http, nodes) = await FillAsync(bench, Domains, Agents, stop);
        // Ten at once over a tenth: what compiled code, connections and buffers of this load take by themselves.
        var small = await PeakAsync(bench.ApiPid, () => ListAsync(nodes, http, Domains / 10, stop), stop);
        List<double> first = [];
        List<double> last = [];
        List<double> seconds = [];
        var bytes = 0.0;
        var domains = 0;
        for (var list = 0; list < Lists; list++)
        {
            var one = await ListAsync([nodes[0]], http, int.MaxValue, stop);
            first.AddRange(one[0].Milliseconds.Take(Pages));
            last.AddRange(one[0].Milliseconds.TakeLast(Pages));
            seconds.Add(one[0].Milliseconds.Sum() / 1000);
            (bytes, domains) = (one[0].Bytes, one[0].Domains);
        }

        var time = TimeProvider.System;
        var began = time.GetTimestamp();
        var whole = await PeakAsync(bench.ApiPid, () => ListAsync(nodes, http, int.MaxValue, stop), stop);
        var tenSeconds = time.GetElapsedTime(began).TotalSeconds;
        http.Dispose();
        var pageRatio = Spread.Of(last).P50 / Spread.Of(first).P50;
        return new Outcome(
            Name,
            new Dictionary<string, double>
            {
                ["domains"] = domains,
                ["oneAgentSeconds"] = Spread.Of(seconds).P50,
                ["oneAgentMegabytesOnTheWire"] = bytes / 1e6,
                ["pageP50MsFirst"] = Spread.Of(first).P50,
                ["pageP50MsLast"] = Spread.Of(last).P50,
                ["tenAgentsSeconds"] = tenSeconds,
                ["peakRssMbTenListATenth"] = small,
                ["peakRssMbTenListAll"] = whole,
            },
            [
                Goal.AtMost("time of the last pages / of the first", 1.1, "", pageRatio),
                Goal.AtMost("memory when ten list all / when ten list a tenth", 1.25, "", whole / small),
            ]);
    }

    /// <summary>Domains whose bundles nobody fetches, and nodes that ask for them.</summary>
    public static async Task<(HttpClient Http, IReadOnlyList<BenchNode> Nodes)> FillAsync(
        BenchFleet bench, int domains, int agents, CancellationToken stop)
    {
        var rows = new DomainRows(bench.Owner, bench.Id, TimeProvider.System.GetUtcNow().AddDays(199));
        var listed = BenchDomain.Listed(domains);
        await rows.PrepareAsync(listed[0].Leaf, stop);
        await rows.AddAsync(listed, perRevision: 1000, stop);
        return (BenchNode.Client(bench.Api), await BenchNode.JoinAsync(bench.Owner, bench.Id, agents, stop));
    }

    /// <summary>All nodes at once, each page after page, up to so many domains.</summary>
    public static Task<Listed[]> ListAsync(
        IEnumerable<BenchNode> nodes, HttpClient http, int most, CancellationToken stop) =>
        Task.WhenAll(nodes.Select(node => Task.Run(
            async () =>
            {
                var listed = new Listed();
                string? cursor = null;
                while (true)
                {
                    var answer = await node.PollAsync(http, cursor, 0, stop);
                    var page = answer.Page;
                    listed.Milliseconds.Add(answer.Took.TotalMilliseconds);
                    listed.Bytes += answer.WireBytes;
                    listed.Domains += page.Upserts.Count;
                    cursor = page.Cursor;
                    if (!page.More || listed.Domains >= most)
                    {
                        return listed;
                    }
                }
            },
            stop)));

    /// <summary>The most resident memory that a process is seen with while something runs, in MB.</summary>
    public static async Task<double> PeakAsync(int pid, Func<Task> work, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var running = work();
        var peak = 0.0;
        do
        {
            peak = Math.Max(peak, ProcessFigures.Rss(pid));
            await Task.WhenAny(running, Task.Delay(TimeSpan.FromMilliseconds(50), time, stop));
        }
        while (!running.IsCompleted);
        await running;
        return peak;
    }

    /// <summary>What one agent read.</summary>
    internal sealed class Listed
    {
        public List<double> Milliseconds { get; } = [];

        public long Bytes { get; set; }

        public int Domains { get; set; }
    }
}
