using System.Globalization;
using Benchmarks.Bed;
using SyncAgent.HAProxy;

namespace Benchmarks.Scenarios;

/// <summary>HAProxy ends and starts again with 3,000 bundles on disk: until the agent has visited each of its names
/// again.</summary>
internal sealed class Restart : IScenario
{
    private const int Bundles = 3000;

    public string Name => "restart";

    public string Summary => "HAProxy restarts with 3,000 bundles: until the agent has proven all again";

    public Task<Outcome> RunAsync(CancellationToken stop) => BenchFleet.MeasureAsync(MeasureAsync, stop);

    private async Task<Outcome> MeasureAsync(BenchFleet bench, CertifiedDomains certified, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var domains = await certified.MakeAsync(Bundles, stop);
        await certified.Rows.PublishAsync([.. domains.Select(d => d.Domain)], areNew: true, stop);
        await certified.ProvenAsync(Bundles, stop);

        var haproxy = bench.Fleet.Haproxies[0];
        var agent = bench.Fleet.Agents[0];
        await haproxy.StopAsync();
        var cpu = ProcessFigures.CpuSeconds(agent.Pid);
        // Writes and checks the configuration first, as an operator's unit does; not part of what is measured.
        await haproxy.LaunchAsync(stop);
        var launched = time.GetTimestamp();
        await haproxy.WaitUntilReadyAsync(stop);
        var up = time.GetTimestamp();
        await VisitedAsync(haproxy.AdminSocket, stop);
        return new Outcome(
            Name,
            new Dictionary<string, double>
            {
                ["bundles"] = Bundles,
                ["haproxyStartSeconds"] = time.GetElapsedTime(launched, up).TotalSeconds,
                ["provenAgainSeconds"] = time.GetElapsedTime(up).TotalSeconds,
                ["provenPerSecond"] = Bundles / time.GetElapsedTime(up).TotalSeconds,
                ["agentCpuMsPerBundle"] = 1000 * (ProcessFigures.CpuSeconds(agent.Pid) - cpu) / Bundles,
            },
            []);
    }

    /// <summary>Until the listener of the new process has been visited once for each bundle; nobody but the agent
    /// visits it, one name at a time, and none twice before all.</summary>
    private static async Task VisitedAsync(string socket, CancellationToken stop)
    {
        var time = TimeProvider.System;
        while (true)
        {
            using var connection = await RuntimeConnection.Open(socket, TimeSpan.FromSeconds(10), time, stop);
            var replies = await connection.Ask([RuntimeCommand.ShowProcess], stop);
            var handshakes = replies[0].Split('\n')
                .Where(line => line.StartsWith("CumSslConns:", StringComparison.Ordinal))
                .Select(line => int.Parse(line.Split(':')[1], CultureInfo.InvariantCulture))
                .Single();
            if (handshakes >= Bundles)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), time, stop);
        }
    }
}
