using System.Collections.Concurrent;
using SyncAgent.Planning;

namespace SyncAgent.Syncing;

/// <summary>
/// The part that does not hurry. A renewal replaces a bundle that is good for weeks, and HAProxy loads a bundle on a
/// thread that visitors wait for: one at a time, with pauses, so that a fleet's mass renewal is not felt. A name that
/// is not served yet, or not much longer, never waits behind one.
/// </summary>
internal sealed partial class Reconciler
{
    /// <summary>With what a replacement takes itself, some 12 to 20 a second: HAProxy's thread and the node's cores are
    /// free nine tenths of the time, and 30,000 bundles are replaced within the hour. A CA gives 24 hours when it
    /// revokes.</summary>
    private static readonly TimeSpan BetweenReplacements = TimeSpan.FromMilliseconds(40);

    /// <summary>What ends within this time is replaced at full speed.</summary>
    private static readonly TimeSpan EndsSoon = TimeSpan.FromDays(1);

    /// <summary>Asked for together: two seconds of work, for which a name is in hand.</summary>
    private const int ReplacedTogether = 25;

    private readonly ConcurrentDictionary<string, bool> _replaceable = new(StringComparer.Ordinal);
    private volatile bool _isReplacing;

    /// <summary>A good bundle is on disk, in memory and served, and another is wanted.</summary>
    private bool CanWait(Job job) =>
        job.Actions is [{ Kind: ActionKind.Fetch }]
        && view.FileOf(job.Name.Value) is { IsDamaged: false } served && served.NotAfter > time.GetUtcNow() + EndsSoon;

    private IEnumerable<string> NextReplacements() =>
        _isReplacing ? [] : _replaceable.Select(pair => pair.Key).Take(ReplacedTogether);

    /// <summary>Begins with some of them; the others are looked at again, and planned anew, when these are
    /// done.</summary>
    private void Replace(IReadOnlyList<Job> jobs, CancellationToken cancel)
    {
        var now = _isReplacing ? 0 : ReplacedTogether;
        foreach (var job in jobs.Skip(now))
        {
            _replaceable[job.Name.Value] = true;
        }

        if (jobs.Take(now).ToArray() is { Length: > 0 } batch)
        {
            _isReplacing = true;
            Start(batch, Task.Run(() => ReplaceInTurn(batch, cancel), cancel));
        }
    }

    private async Task ReplaceInTurn(Job[] batch, CancellationToken cancel)
    {
        try
        {
            if (await TryFetch(batch, cancel) is not { } arrived)
            {
                return;
            }

            foreach (var job in batch)
            {
                await Work(job, arrived.GetValueOrDefault(job.Entry!.Domain), cancel);
                await Task.Delay(BetweenReplacements, time, cancel);
            }
        }
        finally
        {
            _isReplacing = false;
        }
    }
}
