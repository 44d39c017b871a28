using ControlPlane.Contracts;
using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Proving;

/// <summary>Whether a name is off the fleet.</summary>
/// <param name="Confirmed">Every Serving node said that neither disk, memory nor listener knows the name. True as well
/// when the fleet never was told to serve it, and when no node is Serving: then <paramref name="Others"/> names them
/// all.</param>
/// <param name="By">Serving nodes that confirmed.</param>
/// <param name="Waiting">Serving nodes that have not.</param>
/// <param name="Others">Nodes that are not Serving and have not confirmed, for the receipt: they drop the name as soon
/// as they read desired state again, and until then may still serve it.</param>
internal sealed record WithdrawalVerdict(
    bool Confirmed,
    IReadOnlyList<ProofNode> By,
    IReadOnlyList<ProofNode> Waiting,
    IReadOnlyList<ProofNode> Others)
{
    /// <summary>True while no node was told, because an admin must approve the withdrawal.</summary>
    public bool IsHeld { get; init; }
}

/// <summary>What the fleet was told about a domain.</summary>
internal enum WithdrawalStage
{
    /// <summary>Nothing was ever published, and nothing waits to be.</summary>
    NeverPublished,

    /// <summary>The tombstone is not published yet.</summary>
    NotPublished,

    /// <summary>The tombstone is published.</summary>
    Published,
}

/// <summary>
/// Deletion waits for Serving nodes and names the others in its receipt. No majority is asked for: a name that its
/// customer took away must not stay because nodes are lost.
/// </summary>
internal static class WithdrawalProof
{
    /// <summary>Reads the verdict inside the caller's transaction; see <see cref="FleetLock"/> for what the caller
    /// owes.</summary>
    public static async Task<WithdrawalVerdict> ReadAsync(
        ControlPlaneDb db, Guid fleet, Guid domain, CancellationToken ct)
    {
        var nodes = await FleetLock.NodesAsync(db, fleet, ct);

        // Both places in one statement: a change moves from one to the other in one commit, and two statements could
        // miss it.
        var told = await db.Database.SqlQuery<ToldRow>(
            $"""
             SELECT EXISTS (SELECT 1 FROM desired_changes WHERE domain_id = {domain}) AS "Pending",
                    EXISTS (SELECT 1 FROM desired_state
                            WHERE fleet_id = {fleet} AND domain_id = {domain}) AS "Published",
                    EXISTS (SELECT 1 FROM desired_changes WHERE domain_id = {domain} AND bundle_id IS NULL
                                AND held_at IS NOT NULL AND approval IS NULL) AS "Held",
                    (SELECT revision FROM desired_state
                     WHERE fleet_id = {fleet} AND domain_id = {domain} AND bundle_id IS NULL) AS "TombstoneAt"
             """).SingleAsync(ct);
        var stage = told switch
        {
            { TombstoneAt: not null, Pending: false } => WithdrawalStage.Published,
            { Published: false, Pending: false } => WithdrawalStage.NeverPublished,
            _ => WithdrawalStage.NotPublished,
        };
        var ids = nodes.Select(node => node.Id).ToList();
        // A name that went to another tenant is never reported as withdrawn: a node keeps one state for each name, and
        // showing the successor's bundle proves that this one's is gone.
        var successors = db.Domains.Where(other => other.Id != domain
            && db.Domains.Any(own => own.Id == domain && own.Hostname == other.Hostname)).Select(other => other.Id);
        var confirmed = await db.NodeObservations.AsNoTracking()
            .Where(row => ids.Contains(row.NodeId) && row.Revision >= told.TombstoneAt
                && ((row.DomainId == domain && row.State == ObservedDomainState.Withdrawn)
                    || (successors.Contains(row.DomainId) && row.State == ObservedDomainState.Serving)))
            .Select(row => row.NodeId).ToListAsync(ct);
        return Judge(nodes, confirmed.ToHashSet(), stage) with { IsHeld = told.Held };
    }

    /// <summary>The rule itself.</summary>
    /// <param name="nodes">The fleet's nodes.</param>
    /// <param name="confirmed">Nodes that answered the tombstone, or a later revision, with Withdrawn.</param>
    /// <param name="stage">What the fleet was told.</param>
    public static WithdrawalVerdict Judge(
        IReadOnlyList<ProofNode> nodes, IReadOnlySet<Guid> confirmed, WithdrawalStage stage)
    {
        if (stage == WithdrawalStage.NeverPublished)
        {
            return new WithdrawalVerdict(true, [], [], []);
        }

        var serving = nodes.Where(node => node.Standing == NodeStanding.Serving)
            .ToLookup(node => confirmed.Contains(node.Id));
        var others = nodes.Where(node => node.Standing != NodeStanding.Serving && !confirmed.Contains(node.Id))
            .ToList();
        var done = stage == WithdrawalStage.Published && !serving[false].Any();
        return new WithdrawalVerdict(done, serving[true].ToList(), serving[false].ToList(), others);
    }

    private sealed record ToldRow(bool Pending, bool Published, bool Held, long? TombstoneAt);
}
