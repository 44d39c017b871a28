using System.Text.Json;
using Benchmarks.Bed;
using ControlPlane.Contracts;

namespace Benchmarks.Scenarios;

/// <summary>The digest round trip of an agent that knows 100,000 domains: when it agrees with its fleet, and when it
/// differs in ten.</summary>
internal sealed class Audit : IScenario
{
    private const int Domains = 100_000;
    private const int Differing = 10;
    private const int Repetitions = 20;

    public string Name => "audit";

    public string Summary => "digest round trip for 100,000 domains: bytes and server time, when 0 and when 10 differ";

    public async Task<Outcome> RunAsync(CancellationToken stop)
    {
        await using var bench = BenchFleet.Prepare();
        await bench.StartApiAsync(stop);
        return await bench.UnlessDeadAsync(token => MeasureAsync(bench, token), stop);
    }

    private async Task<Outcome> MeasureAsync(BenchFleet bench, CancellationToken stop)
    {
        var (http, nodes) = await FullList.FillAsync(bench, Domains, agents: 1, stop);
        using (http)
        {
            var (known, page) = await KnownAsync(nodes[0], http, stop);
            var same = await RoundTripAsync(nodes[0], http, bench.ApiPid, Request(page, known), 0, stop);
            // As an agent that missed a renewal of each.
            var stale = known.Select((row, i) => i < Differing ? row with { Revision = row.Revision + 1 } : row);
            var buckets = known.Take(Differing).Select(row => StateDigest.BucketOf(row.Domain)).Distinct().Count();
            var differing = await RoundTripAsync(nodes[0], http, bench.ApiPid, Request(page, stale), buckets, stop);
            return new Outcome(
                Name,
                new Dictionary<string, double>
                {
                    ["domains"] = known.Count,
                    ["sameRequestBytes"] = same.RequestBytes,
                    ["sameAnswerBytes"] = same.AnswerBytes,
                    ["sameFirstMs"] = same.First,
                    ["sameP50Ms"] = same.Times.P50,
                    ["sameMaxMs"] = same.Times.Max,
                    ["sameApiCpuMs"] = same.CpuMs,
                    ["tenAnswerBytes"] = differing.AnswerBytes,
                    ["tenP50Ms"] = differing.Times.P50,
                    ["tenMaxMs"] = differing.Times.Max,
                    ["tenApiCpuMs"] = differing.CpuMs,
                },
                [
                    Goal.AtMost(
                        "bytes there and back, nothing differs", 200, "kB",
                        (same.RequestBytes + same.AnswerBytes) / 1000.0),
                    Goal.AtMost("time, nothing differs (slowest)", 1000, "ms", Math.Max(same.First, same.Times.Max)),
                    Goal.AtMost(
                        "bytes there and back, ten differ", 200, "kB",
                        (differing.RequestBytes + differing.AnswerBytes) / 1000.0),
                    Goal.AtMost("time, ten differ (slowest)", 1000, "ms", differing.Times.Max),
                ]);
        }
    }

    private static async Task<(IReadOnlyList<DesiredDomain> Known, DesiredStatePage End)> KnownAsync(
        BenchNode node, HttpClient http, CancellationToken stop)
    {
        List<DesiredDomain> known = [];
        string? cursor = null;
        while (true)
        {
            var page = (await node.PollAsync(http, cursor, 0, stop)).Page;
            known.AddRange(page.Upserts);
            cursor = page.Cursor;
            if (!page.More)
            {
                return (known, page);
            }
        }
    }

    private static byte[] Request(DesiredStatePage end, IEnumerable<DesiredDomain> known)
    {
        var digest = new StateDigest();
        foreach (var row in known)
        {
            digest.Toggle(row.Domain, row.Revision, row.Fingerprint);
        }

        return JsonSerializer.SerializeToUtf8Bytes(
            new DigestRequest(end.Epoch, end.Revision, digest.ToBytes()), JsonSerializerOptions.Web);
    }

    /// <exception cref="LocalFleet.FleetException">The server finds another number of differences.</exception>
    private static async Task<RoundTrip> RoundTripAsync(
        BenchNode node, HttpClient http, int api, byte[] request, int expected, CancellationToken stop)
    {
        List<Answer> answers = [];
        var cpu = ProcessFigures.CpuSeconds(api);
        for (var repetition = 0; repetition < Repetitions; repetition++)
        {
            answers.Add(await node.SendAsync(http, HttpMethod.Post, Routes.Digests, request, stop));
        }

        var used = ProcessFigures.CpuSeconds(api) - cpu;
        var answer = JsonSerializer.Deserialize<DigestAnswer>(answers[0].Body, JsonSerializerOptions.Web)!;
        return answer.Differing == expected
            ? new RoundTrip(
                request.Length, answers.Max(a => a.WireBytes), answers[0].Took.TotalMilliseconds,
                Spread.Of(answers.Skip(1).Select(a => a.Took)), 1000 * used / Repetitions)
            : throw new LocalFleet.FleetException(
                $"The control plane finds {answer.Differing} differing buckets where {expected} are.");
    }

    /// <summary>Times are the caller's, on loopback: the server's and a little more.</summary>
    private sealed record RoundTrip(int RequestBytes, int AnswerBytes, double First, Spread Times, double CpuMs);
}
