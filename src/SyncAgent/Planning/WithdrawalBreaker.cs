using ControlPlane.Contracts;

namespace SyncAgent.Planning;

/// <summary>
/// A mass deletion, by mistake or by a thief, must not empty a node: beyond a number of withdrawals within any rolling
/// hour, those without an approval are held. Counted by the time of withdrawal, so that a node that was away for a day
/// can catch up.
/// </summary>
internal static class WithdrawalBreaker
{
    /// <summary>A small fleet may still lose this many names in an hour.</summary>
    private const int AlwaysAllowed = 20;

    private static readonly TimeSpan Window = TimeSpan.FromHours(1);

    /// <param name="tombstones">All that are known, those already carried out included.</param>
    /// <param name="manifest">Names that the node serves or served: 5 % of them may go.</param>
    /// <param name="now">A withdrawal dated later counts as made now.</param>
    /// <returns>Names to keep serving until an approval arrives.</returns>
    public static IReadOnlySet<string> Held(IEnumerable<Tombstone> tombstones, int manifest, DateTimeOffset now)
    {
        var allowed = Math.Max(AlwaysAllowed, manifest / 20);
        var held = new HashSet<string>(StringComparer.Ordinal);
        var admitted = new Queue<DateTimeOffset>();
        var unapproved = tombstones
            .Where(tombstone => tombstone.Approval is null)
            .Select(tombstone => (tombstone.Hostname, At: tombstone.WithdrawnAt > now ? now : tombstone.WithdrawnAt))
            .OrderBy(tombstone => tombstone.At)
            .ThenBy(tombstone => tombstone.Hostname, StringComparer.Ordinal);
        foreach (var (hostname, at) in unapproved)
        {
            while (admitted.TryPeek(out var oldest) && oldest <= at - Window)
            {
                admitted.Dequeue();
            }

            if (admitted.Count < allowed)
            {
                admitted.Enqueue(at);
            }
            else
            {
                held.Add(hostname);
            }
        }

        return held;
    }
}
