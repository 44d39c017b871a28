using System.Collections.Concurrent;

namespace ControlPlane.Domains.Sweeps;

/// <summary>
/// Looks ahead of an order's time at the CA, or at addresses that are not ours, are worth one a minute and order:
/// whoever may ask for them, a portal or the CA's webhook, cannot spend the CA's quota with them, nor turn our probes
/// against a third party. Counted by each replica for itself.
/// </summary>
internal sealed class EarlyLooks(TimeProvider time)
{
    public static readonly TimeSpan Between = TimeSpan.FromMinutes(1);

    /// <summary>Orders remembered; far more than are asked for within a minute. Emptied then: a look too many does no
    /// harm.</summary>
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<string, long> _seen = new(StringComparer.Ordinal);

    /// <summary>False when this order had its early look within the last minute.</summary>
    public bool Take(string order)
    {
        var now = time.GetTimestamp();
        if (_seen.TryGetValue(order, out var before) && time.GetElapsedTime(before, now) < Between)
        {
            return false;
        }

        if (_seen.Count >= Most)
        {
            _seen.Clear();
        }

        _seen[order] = now;
        return true;
    }
}
