using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes;

/// <summary>How a node is named in paths: by its id, or by its name where no other node of any fleet ever had it.
/// Retired nodes count, so that who repeats a ban by name never bans the successor.</summary>
internal static class NodeReference
{
    /// <summary>More are not listed in an answer.</summary>
    private const int Listed = 10;

    /// <summary>The node, or the answer that says why there is none.</summary>
    public static async Task<NodeFound> FindAsync(ControlPlaneDb db, string reference, CancellationToken ct)
    {
        if (IdOrName.IsId(reference, out var id))
        {
            return await db.Nodes.AnyAsync(node => node.Id == id, ct) ? new(id, null) : NotFound(reference);
        }

        var named = await NodeView.From(db, node => node.Name == reference).Take(Listed + 1).ToListAsync(ct);
        return named switch
        {
            [] => NotFound(reference),
            [var only] => new(only.Id, null),
            _ => new(default, NodeProblems.NodeAmbiguous.With(
                $"{reference} is or was the name of {string.Join("; ", named.Take(Listed).Select(Told))}"
                + (named.Count > Listed ? "; and others." : "."))),
        };
    }

    private static NodeFound NotFound(string reference) => new(default, Problems.NotFound.With(
        IdOrName.IsName(reference) || IdOrName.IsId(reference, out _)
            ? $"There is no node {reference}."
            : "There is no such node.",
        "GET /v1/nodes lists all nodes with id, name and fleet."));

    private static string Told(NodeView node) =>
        $"{node.Id} (fleet {node.Fleet}, {(node.BannedAt is null ? Standing(node) : "banned")}, "
        + $"joined {node.JoinedAt.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ})";

    private static string Standing(NodeView node) => node.Standing.ToString().ToLowerInvariant();
}

/// <summary>What a reference led to.</summary>
/// <param name="Id">The node, where there is no refusal.</param>
/// <param name="Refusal">Why there is none.</param>
internal readonly record struct NodeFound(Guid Id, Problem? Refusal);
