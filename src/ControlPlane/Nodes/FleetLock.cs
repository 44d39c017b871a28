using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes;

/// <summary>
/// Reads a fleet's nodes FOR SHARE within the caller's transaction: until it ends, no report of theirs is recorded and
/// no standing changes. That is what makes a proof hold at the commit that relies on it:
/// <list type="bullet">
/// <item>Joining nodes are locked too, because one that became Serving between proof and commit would be Serving
/// without having proven the domain (write skew).</item>
/// <item>A report that waits for the lock writes after the caller's commit, so that it finds the caller's snooze and
/// cuts it short: no wake is lost. The caller therefore writes its verdict in this same transaction, and reads the
/// proof before it updates any order (nodes first, orders second, as a report does: no deadlock).</item>
/// </list>
/// </summary>
internal static class FleetLock
{
    /// <summary>Every node of the fleet that is not retired, by id, with its standing as of now.</summary>
    /// <exception cref="InvalidOperationException">The caller has no transaction open: the lock would hold
    /// nothing.</exception>
    public static async Task<IReadOnlyList<ProofNode>> NodesAsync(ControlPlaneDb db, Guid fleet, CancellationToken ct)
    {
        if (db.Database.CurrentTransaction is null)
        {
            throw new InvalidOperationException("A proof is read inside the transaction that relies on it.");
        }

        // The standing is not filtered in SQL: a row that comes to match while we wait for its lock would be left out.
        var rows = await db.Database.SqlQuery<NodeRow>(
            $"""
             SELECT id AS "Id", name AS "Name", standing AS "Standing"
             FROM nodes WHERE fleet_id = {fleet} ORDER BY id FOR SHARE
             """).ToListAsync(ct);
        return rows
            .Select(row => new ProofNode(row.Id, row.Name, Enum.Parse<NodeStanding>(row.Standing)))
            .Where(node => node.Standing != NodeStanding.Retired)
            .ToList();
    }

    private sealed record NodeRow(Guid Id, string Name, string Standing);
}

/// <summary>A node as a proof sees it.</summary>
internal sealed record ProofNode(Guid Id, string Name, NodeStanding Standing);
