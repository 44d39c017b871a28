using Benchmarks.Bed;
using LocalFleet.Parts;

namespace Benchmarks.Scenarios;

/// <summary>
/// The agent's rate from end to end (fetched, opened, on disk with fsync, injected, read back, proven by handshake,
/// reported) beside what HAProxy's socket takes of the same PEMs when nothing else is done, before and after.
/// </summary>
internal sealed class Inject : IScenario
{
    private const int Bundles = 2000;

    /// <summary>Not counted: the programs' methods are compiled by then, as in an agent that runs for weeks.</summary>
    private const int WarmUp = 500;

    public string Name => "inject";

    public string Summary => "the agent's end-to-end rate over the raw-socket rate of the same PEMs";

    public Task<Outcome> RunAsync(CancellationToken stop) => BenchFleet.MeasureAsync(MeasureAsync, stop);

    private async Task<Outcome> MeasureAsync(BenchFleet bench, CertifiedDomains certified, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var warmUp = await certified.MakeAsync(WarmUp, stop);
        var domains = await certified.MakeAsync(Bundles, stop);
        var agent = bench.Fleet.Agents[0];
        var haproxy = bench.Fleet.Haproxies[0];

        // One writer at a time: HAProxy has one certificate transaction per process.
        await agent.StopAsync();
        var before = await RawAsync(haproxy, domains);
        await agent.StartAsync(stop);
        await certified.Rows.PublishAsync([.. warmUp.Select(d => d.Domain)], areNew: true, stop);
        await certified.ProvenAsync(WarmUp, stop);
        await ProcessFigures.UntilIdleAsync(agent.Pid, stop);

        Part[] parts = [bench.Fleet.ControlPlane, bench.Fleet.Postgres, agent, haproxy];
        var cpu = parts.Select(part => ProcessFigures.CpuSeconds(part.Pid)).ToArray();
        var committed = await certified.Rows.PublishAsync([.. domains.Select(d => d.Domain)], areNew: true, stop);
        await certified.ProvenAsync(Bundles, stop);
        var rate = Bundles / time.GetElapsedTime(committed).TotalSeconds;
        var used = parts.Select((part, i) => ProcessFigures.CpuSeconds(part.Pid) - cpu[i]).ToArray();

        await agent.StopAsync();
        var after = await RawAsync(haproxy, domains);
        var raw = (before + after) / 2;
        return new Outcome(
            Name,
            new Dictionary<string, double>
            {
                ["bundles"] = Bundles,
                ["agentBundlesPerSecond"] = rate,
                ["rawBundlesPerSecondBefore"] = before,
                ["rawBundlesPerSecondAfter"] = after,
                ["apiCpuMsPerBundle"] = 1000 * used[0] / Bundles,
                ["postgresqlCpuMsPerBundle"] = 1000 * used[1] / Bundles,
                ["agentCpuMsPerBundle"] = 1000 * used[2] / Bundles,
                ["haproxyCpuMsPerBundle"] = 1000 * used[3] / Bundles,
                ["coresUsed"] = used.Sum() * rate / Bundles,
            },
            [Goal.AtLeast("agent's rate / raw rate", 0.8, rate / raw)]);
    }

    /// <summary>Under names of its own and taken out again, so that it finds and leaves HAProxy as it is for the
    /// agent.</summary>
    private static async Task<double> RawAsync(Haproxy haproxy, IReadOnlyList<CertifiedDomain> domains)
    {
        const string Prefix = "raw-";
        var rate = await RawInjection.LoadAsync(haproxy.AdminSocket, haproxy.Certificates, Prefix, domains);
        await RawInjection.RemoveAsync(haproxy.AdminSocket, haproxy.Certificates, Prefix, domains);
        return rate;
    }
}
