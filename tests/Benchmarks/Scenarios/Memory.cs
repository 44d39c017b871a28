using Benchmarks.Bed;

namespace Benchmarks.Scenarios;

/// <summary>Resident memory of the API with 100,000 domains, after all its readers have read all of them, and of an
/// agent that loaded 10,000 bundles.</summary>
internal sealed class Memory : IScenario
{
    private const int Domains = 100_000;
    private const int Readers = 4;
    private const int Bundles = 10_000;
    private const int Batch = 1000;

    public string Name => "memory";

    public string Summary => "RSS of the API with 100,000 domains and of an agent with 10,000 bundles";

    public async Task<Outcome> RunAsync(CancellationToken stop)
    {
        var figures = new Dictionary<string, double>();
        await using (var bench = BenchFleet.Prepare())
        {
            await bench.StartApiAsync(stop);
            await bench.UnlessDeadAsync(token => ApiAsync(bench, figures, token), stop);
        }

        using var authority = new BenchAuthority(TimeProvider.System);
        await using (var bench = BenchFleet.Prepare())
        {
            await bench.StartWholeAsync(authority, stop);
            await bench.UnlessDeadAsync(token => AgentAsync(bench, authority, figures, token), stop);
        }

        return new Outcome(
            Name,
            figures,
            [
                Goal.AtMost("most RSS of the API, 100,000 domains", 400, "MB", figures["apiPeakRssMb"]),
                Goal.AtMost("most RSS of the agent, 10,000 bundles", 120, "MB", figures["agentPeakRssMb"]),
            ]);
    }

    private static async Task<bool> ApiAsync(
        BenchFleet bench, Dictionary<string, double> figures, CancellationToken stop)
    {
        figures["apiRssMbAtStart"] = ProcessFigures.Rss(bench.ApiPid);
        var (http, nodes) = await FullList.FillAsync(bench, Domains, Readers, stop);
        using (http)
        {
            await FullList.ListAsync(nodes, http, int.MaxValue, stop);
        }

        await ProcessFigures.UntilIdleAsync(bench.ApiPid, stop);
        figures["apiRssMbAfterwards"] = ProcessFigures.Rss(bench.ApiPid);
        figures["apiPeakRssMb"] = ProcessFigures.PeakRss(bench.ApiPid);
        return true;
    }

    private static async Task<bool> AgentAsync(
        BenchFleet bench, BenchAuthority authority, Dictionary<string, double> figures, CancellationToken stop)
    {
        var agent = bench.Fleet.Agents[0];
        figures["agentRssMbAtStart"] = ProcessFigures.Rss(agent.Pid);
        var certified = new CertifiedDomains(bench, authority);
        await certified.Rows.PrepareAsync(authority.Intermediate, stop);
        for (var made = 0; made < Bundles; made += Batch)
        {
            // The agent loads one batch while the next is made.
            var domains = await certified.MakeAsync(Batch, stop);
            await certified.Rows.AddAsync([.. domains.Select(d => d.Domain)], Batch, stop);
        }

        await certified.ProvenAsync(Bundles, stop);
        await ProcessFigures.UntilIdleAsync(agent.Pid, stop);
        figures["agentRssMbAfterwards"] = ProcessFigures.Rss(agent.Pid);
        figures["agentPeakRssMb"] = ProcessFigures.PeakRss(agent.Pid);
        return true;
    }
}
