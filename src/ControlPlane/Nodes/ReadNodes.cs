using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes;

/// <summary>GET /v1/nodes and /v1/nodes/{id}.</summary>
internal static class ReadNodes
{
    public static async Task<Results<Ok<Page<NodeView>>, Problem>> ListAsync(
        ControlPlaneDb db,
        CancellationToken ct,
        [Description("nextCursor of the page before.")] Guid? cursor = null,
        [Description("1–200 nodes a page.")] int limit = Page<NodeView>.DefaultLimit)
    {
        if (Page<NodeView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var after = cursor ?? Guid.Empty;
        var rows = await NodeView.From(db, node => node.Id > after).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new Page<NodeView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    public static async Task<Results<Ok<NodeView>, Problem>> OneAsync(
        Guid id, ControlPlaneDb db, CancellationToken ct) =>
        await NodeView.From(db, node => node.Id == id).SingleOrDefaultAsync(ct) is { } node
            ? TypedResults.Ok(node)
            : Problems.NotFound.With();
}
