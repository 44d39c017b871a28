using System.Threading.RateLimiting;

namespace ControlPlane.Nodes;

/// <summary>
/// How often one node may ask for what costs a join over its whole fleet: whether it has proven all, and what the
/// buckets hold in which it differs. Once a second, and enough at once for an honest one: it says that it is synced
/// every few seconds, and compares digests every few minutes. On each replica by itself: this bounds work, not rights.
/// </summary>
internal sealed class NodePace : IDisposable
{
    private const int AtOnce = 60;

    private readonly PartitionedRateLimiter<(Guid Node, string What)> _asked =
        PartitionedRateLimiter.Create<(Guid Node, string What), (Guid Node, string What)>(
            who => RateLimitPartition.GetTokenBucketLimiter(who, static _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = AtOnce,
                TokensPerPeriod = 1,
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            }));

    /// <summary>Whether a node that claims to be synced is looked at now; else its next report is.</summary>
    public bool MayBeLookedAt(Guid node) => Take(node, "sync");

    /// <summary>Whether a node is told now where it differs.</summary>
    public bool MayBeTold(Guid node) => Take(node, "digests");

    public void Dispose() => _asked.Dispose();

    private bool Take(Guid node, string what)
    {
        using var lease = _asked.AttemptAcquire((node, what));
        return lease.IsAcquired;
    }
}
