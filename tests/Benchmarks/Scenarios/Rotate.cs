using System.Collections.Concurrent;
using System.Net;
using Benchmarks.Bed;
using LocalFleet;
using LocalFleet.Processes;

namespace Benchmarks.Scenarios;

/// <summary>
/// A thousand bundles are replaced while a visitor handshakes without pause: by the agent, and for comparison by files
/// and a reload, which is how it is done without a runtime API.
/// </summary>
internal sealed class Rotate : IScenario
{
    private const int Bundles = 1000;

    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(12);

    /// <summary>The old worker lives on for its connections, and the new one reads all files.</summary>
    private static readonly TimeSpan AfterReload = TimeSpan.FromSeconds(5);

    public string Name => "rotate";

    public string Summary => "1,000 bundles replaced under a prober: failures and handshake times; beside it a reload";

    public Task<Outcome> RunAsync(CancellationToken stop) => BenchFleet.MeasureAsync(MeasureAsync, stop);

    private async Task<Outcome> MeasureAsync(BenchFleet bench, CertifiedDomains certified, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var domains = await certified.MakeAsync(Bundles, stop);
        var byAgent = await certified.RenewAsync(domains, stop);
        var byReload = await certified.RenewAsync(domains, stop);
        var names = domains.Select(domain => domain.Domain.Hostname).ToList();
        var right = new ConcurrentDictionary<string, HashSet<string>>(StringComparer.Ordinal);
        await certified.Rows.PublishAsync([.. domains.Select(d => d.Domain)], areNew: true, stop);
        await certified.ProvenAsync(Bundles, stop);

        Prober Probe(params IReadOnlyList<CertifiedDomain>[] shown)
        {
            foreach (var group in shown.SelectMany(all => all).GroupBy(d => d.Domain.Hostname))
            {
                right[group.Key] = [.. group.Select(d => d.Domain.Fingerprint)];
            }

            return new Prober(
                new IPEndPoint(IPAddress.Loopback, bench.Fleet.Options.Ports.NodeHttps(1)),
                (hostname, fingerprint) => right[hostname].Contains(fingerprint));
        }

        // The first handshakes compile and allocate: not counted.
        await Probe(domains).WhileAsync(names, Task.Delay(TimeSpan.FromSeconds(2), time, stop), stop);
        var idle = Probe(domains);
        await idle.WhileAsync(names, Task.Delay(IdleTime, time, stop), stop);

        var rotation = Probe(domains, byAgent);
        var began = time.GetTimestamp();
        await rotation.WhileAsync(names, RotateAsync(certified, byAgent, stop), stop);
        var rotated = time.GetElapsedTime(began);

        await bench.Fleet.Agents[0].StopAsync();
        var reload = Probe(byAgent, byReload);
        began = time.GetTimestamp();
        await reload.WhileAsync(names, ReloadAsync(bench, reload, byReload, stop), stop);
        var reloaded = time.GetElapsedTime(began);

        foreach (var failure in rotation.Failures.Take(5).Concat(reload.Failures.Take(5)))
        {
            await Console.Error.WriteLineAsync($"  failed handshake: {failure}");
        }

        return new Outcome(
            Name,
            new Dictionary<string, double>
            {
                ["bundles"] = Bundles,
                ["idleHandshakes"] = idle.Handshakes,
                ["idleP50Ms"] = idle.Milliseconds.P50,
                ["idleP99Ms"] = idle.Milliseconds.P99,
                ["rotationSeconds"] = rotated.TotalSeconds,
                ["rotationHandshakes"] = rotation.Handshakes,
                ["rotationP50Ms"] = rotation.Milliseconds.P50,
                ["rotationP99Ms"] = rotation.Milliseconds.P99,
                ["rotationMaxMs"] = rotation.Milliseconds.Max,
                ["reloadSeconds"] = reloaded.TotalSeconds,
                ["reloadHandshakes"] = reload.Handshakes,
                ["reloadFailures"] = reload.Failures.Count,
                ["reloadP99Ms"] = reload.Milliseconds.P99,
                ["reloadMaxMs"] = reload.Milliseconds.Max,
                ["reloadP99OverIdleP99"] = reload.Milliseconds.P99 / idle.Milliseconds.P99,
            },
            [
                Goal.AtMost("failed handshakes during rotation", 0, "", rotation.Failures.Count),
                Goal.AtMost(
                    "handshake p99 during rotation / idle", 1.5, "", rotation.Milliseconds.P99 / idle.Milliseconds.P99),
            ]);
    }

    private static async Task RotateAsync(
        CertifiedDomains certified, IReadOnlyList<CertifiedDomain> renewed, CancellationToken stop)
    {
        await certified.Rows.PublishAsync([.. renewed.Select(d => d.Domain)], areNew: false, stop);
        await certified.ProvenAsync(Bundles, stop);
    }

    /// <summary>All files, one signal, and until the new worker answers.</summary>
    private static async Task ReloadAsync(
        BenchFleet bench, Prober prober, IReadOnlyList<CertifiedDomain> renewed, CancellationToken stop)
    {
        // SIGUSR2 makes HAProxy's master start a new worker on the files as they are (management guide, 3.1).
        const int Reload = 12;
        var haproxy = bench.Fleet.Haproxies[0];
        foreach (var domain in renewed)
        {
            var path = Path.Combine(haproxy.Certificates, domain.Domain.Hostname + ".pem");
            await File.WriteAllBytesAsync(path + ".new", domain.Pem, stop);
            File.Move(path + ".new", path, overwrite: true);
        }

        if (!Signals.Send(haproxy.Pid, Reload))
        {
            throw new FleetException("HAProxy's master is gone.");
        }

        var time = TimeProvider.System;
        var last = renewed[^1].Domain;
        while (await prober.VisitAsync(last.Hostname, stop) != last.Fingerprint)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), time, stop);
        }

        await Task.Delay(AfterReload, time, stop);
    }
}
