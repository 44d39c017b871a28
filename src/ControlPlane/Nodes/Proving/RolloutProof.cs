using ControlPlane.Contracts;
using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Proving;

/// <summary>How far a bundle's rollout is.</summary>
internal enum RolloutOutcome
{
    /// <summary>Every Serving node showed the fingerprint on disk, in memory and in a handshake.</summary>
    Proven,

    /// <summary>Serving nodes have not answered for this bundle yet.</summary>
    Waiting,

    /// <summary>At least one Serving node refused this very bundle.</summary>
    Refused,

    /// <summary>The Serving nodes are none, or not more than half of Serving and Lost: nothing they show is
    /// enough.</summary>
    NoMajority,
}

/// <summary>The verdict, and who is behind it.</summary>
/// <param name="Outcome">What the caller acts on.</param>
/// <param name="Proven">Serving nodes that proved the bundle.</param>
/// <param name="Waiting">Serving nodes that have not answered for it.</param>
/// <param name="Refused">Serving nodes that refused it, each with its error.</param>
/// <param name="Lost">Lost nodes: not waited for; while there are any the domain reads degraded.</param>
internal sealed record RolloutVerdict(
    RolloutOutcome Outcome,
    IReadOnlyList<ProofNode> Proven,
    IReadOnlyList<ProofNode> Waiting,
    IReadOnlyList<NodeRefusal> Refused,
    IReadOnlyList<ProofNode> Lost);

/// <summary>A node's refusal of a bundle.</summary>
/// <param name="Node">The node.</param>
/// <param name="Code">One of <see cref="NodeErrorCodes"/>, or what a newer agent calls it.</param>
/// <param name="Detail">A sentence for an engineer.</param>
internal sealed record NodeRefusal(ProofNode Node, string Code, string Detail);

/// <summary>
/// Active is proven, not assumed: every Serving node must have shown the fingerprint, and the Serving nodes must be a
/// majority of those that should be serving, so that a control plane cut off from most of its fleet activates nothing.
/// </summary>
internal static class RolloutProof
{
    /// <summary>Reads the verdict inside the caller's transaction; see <see cref="FleetLock"/> for what the caller
    /// owes.</summary>
    public static async Task<RolloutVerdict> ReadAsync(
        ControlPlaneDb db, Guid fleet, Guid domain, string fingerprint, CancellationToken ct)
    {
        var nodes = await FleetLock.NodesAsync(db, fleet, ct);

        // Statements of their own, after the lock: under READ COMMITTED they see every report committed before it was
        // granted.
        var publishedAt = await (
            from desired in db.DesiredState
            join bundle in db.Bundles on desired.BundleId equals bundle.Id
            where desired.FleetId == fleet && desired.DomainId == domain && bundle.Fingerprint == fingerprint
            select (long?)desired.Revision).SingleOrDefaultAsync(ct);
        var ids = nodes.Select(node => node.Id).ToList();
        var observations = await db.NodeObservations.AsNoTracking()
            .Where(row => row.DomainId == domain && ids.Contains(row.NodeId))
            .ToDictionaryAsync(row => row.NodeId, ct);
        return Judge(nodes, observations, fingerprint, publishedAt);
    }

    /// <summary>The rule itself.</summary>
    /// <param name="nodes">The fleet's nodes.</param>
    /// <param name="observations">By node; nodes that never answered for the domain are absent.</param>
    /// <param name="fingerprint">The bundle to prove.</param>
    /// <param name="publishedAt">Revision at which the fleet began to want it; null while it does not. A refusal of an
    /// earlier revision was said of another bundle.</param>
    public static RolloutVerdict Judge(
        IReadOnlyList<ProofNode> nodes,
        IReadOnlyDictionary<Guid, NodeObservation> observations,
        string fingerprint,
        long? publishedAt)
    {
        List<ProofNode> proven = [], waiting = [];
        List<NodeRefusal> refused = [];
        foreach (var node in nodes.Where(node => node.Standing == NodeStanding.Serving))
        {
            var seen = observations.GetValueOrDefault(node.Id);
            if (seen?.Proves(fingerprint) == true)
            {
                proven.Add(node);
            }
            else if (seen?.State == ObservedDomainState.Refused && seen.Revision >= publishedAt)
            {
                refused.Add(
                    new NodeRefusal(node, seen.ErrorCode ?? "unnamed", seen.ErrorDetail ?? "No detail was given."));
            }
            else
            {
                waiting.Add(node);
            }
        }

        var lost = nodes.Where(node => node.Standing == NodeStanding.Lost).ToList();
        var outcome = true switch
        {
            _ when !IsMajority(proven.Count + waiting.Count + refused.Count, lost.Count) => RolloutOutcome.NoMajority,
            _ when refused.Count > 0 => RolloutOutcome.Refused,
            _ when waiting.Count > 0 => RolloutOutcome.Waiting,
            _ => RolloutOutcome.Proven,
        };
        return new RolloutVerdict(outcome, proven, waiting, refused, lost);
    }

    /// <summary>More than half of the nodes that should serve do; of none, none is no majority.</summary>
    public static bool IsMajority(int serving, int lost) => serving > lost;
}
