using Benchmarks.Bed;

namespace Benchmarks.Scenarios;

/// <summary>
/// What one change costs an agent that waits, beside how many domains its fleet has. Each size has a control plane and
/// a database of its own; they are asked in turn, so that what else the machine does falls on all alike.
/// </summary>
internal sealed class Delta : IScenario
{
    private const int Repetitions = 300;
    private const int WarmUp = 30;

    private static readonly int[] Sizes = [1_000, 10_000, 100_000];

    /// <summary>Between two changes: longer than the publisher's turn, so that each poll waits before its
    /// commit.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(40);

    public string Name => "delta";

    public string Summary => "bytes and time of one change at 1,000, 10,000 and 100,000 domains";

    public async Task<Outcome> RunAsync(CancellationToken stop)
    {
        await using var small = BenchFleet.Prepare();
        await using var middle = BenchFleet.Prepare();
        await using var large = BenchFleet.Prepare();
        BenchFleet[] all = [small, middle, large];
        foreach (var bench in all)
        {
            await bench.StartApiAsync(stop);
        }

        return await small.UnlessDeadAsync(
            a => middle.UnlessDeadAsync(b => large.UnlessDeadAsync(c => MeasureAsync(all, c), b), a), stop);
    }

    private async Task<Outcome> MeasureAsync(BenchFleet[] all, CancellationToken stop)
    {
        List<Side> sides = [];
        foreach (var (bench, size) in all.Zip(Sizes))
        {
            sides.Add(await Side.OpenAsync(bench, size, stop));
        }

        for (var repetition = 0; repetition < WarmUp + Repetitions; repetition++)
        {
            // Another one begins each time: who comes first finds colder caches.
            for (var turn = 0; turn < sides.Count; turn++)
            {
                await sides[(turn + repetition) % sides.Count].ChangeAsync(repetition, repetition >= WarmUp, stop);
            }
        }

        var figures = new Dictionary<string, double> { ["repetitions"] = Repetitions };
        foreach (var side in sides)
        {
            figures[$"timeP50MsAt{side.Size}"] = Spread.Of(side.Milliseconds).P50;
            figures[$"timeP99MsAt{side.Size}"] = Spread.Of(side.Milliseconds).P99;
            figures[$"bytesP50At{side.Size}"] = Spread.Of(side.Bytes).P50;
            side.Dispose();
        }

        List<Goal> goals = [];
        foreach (var size in Sizes[1..])
        {
            var ratio = figures[$"timeP50MsAt{size}"] / figures[$"timeP50MsAt{Sizes[0]}"];
            var bytes = figures[$"bytesP50At{size}"] / figures[$"bytesP50At{Sizes[0]}"];
            goals.Add(Goal.AtMost($"time at {size} / time at {Sizes[0]}", 1.1, "", ratio));
            goals.Add(Goal.AtMost($"bytes at {size} / bytes at {Sizes[0]}", 1.1, "", bytes));
        }

        return new Outcome(Name, figures, goals);
    }

    /// <summary>One size.</summary>
    private sealed class Side : IDisposable
    {
        private readonly HttpClient _http;
        private readonly BenchNode _node;
        private readonly DomainRows _rows;
        private readonly IReadOnlyList<BenchDomain> _domains;
        private string _cursor = "";

        private Side(HttpClient http, BenchNode node, DomainRows rows, IReadOnlyList<BenchDomain> domains) =>
            (_http, _node, _rows, _domains) = (http, node, rows, domains);

        public int Size => _domains.Count;

        public List<double> Milliseconds { get; } = [];

        public List<double> Bytes { get; } = [];

        public static async Task<Side> OpenAsync(BenchFleet bench, int size, CancellationToken stop)
        {
            var domains = BenchDomain.Listed(size);
            var rows = new DomainRows(bench.Owner, bench.Id, TimeProvider.System.GetUtcNow().AddDays(199));
            await rows.PrepareAsync(domains[0].Leaf, stop);
            await rows.AddAsync(domains, perRevision: 1000, stop);
            var nodes = await BenchNode.JoinAsync(bench.Owner, bench.Id, 1, stop);
            var side = new Side(BenchNode.Client(bench.Api), nodes[0], rows, domains);
            side._cursor = await nodes[0].CursorAsync(side._http, stop);
            return side;
        }

        public async Task ChangeAsync(int number, bool counts, CancellationToken stop)
        {
            var time = TimeProvider.System;
            var poll = _node.WaitForChangeAsync(_http, _cursor, stop);
            await Task.Delay(Pause, time, stop);
            var committed = await _rows.PublishAsync([_domains[number % Size].Renewed()], areNew: false, stop);
            var answer = await poll;
            _cursor = answer.Page.Cursor;
            if (counts)
            {
                Milliseconds.Add(time.GetElapsedTime(committed, answer.At).TotalMilliseconds);
                Bytes.Add(answer.WireBytes);
            }
        }

        public void Dispose()
        {
            _http.Dispose();
            _node.Dispose();
        }
    }
}
