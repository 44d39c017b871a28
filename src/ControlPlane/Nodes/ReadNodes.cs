using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes;

/// <summary>GET /v1/nodes and /v1/nodes/{node}.</summary>
internal static class ReadNodes
{
    public static async Task<Results<Ok<Page<NodeView>>, Problem>> ListAsync(
        ControlPlaneDb db,
        CancellationToken ct,
        [Description("Which fleet's, by name or id.")] string? fleet = null,
        [Description("nextCursor of the page before.")] Guid? cursor = null,
        [Description("1–200 nodes a page.")] int limit = Page<NodeView>.DefaultLimit)
    {
        if (Page<NodeView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var of = fleet is null ? null : await FleetReference.FindAsync(db, fleet, ct);
        if (fleet is not null && of is null)
        {
            return Problems.FleetUnknown.With($"There is no fleet {fleet}.");
        }

        var (after, anyFleet, one) = (cursor ?? Guid.Empty, of is null, of?.Id ?? Guid.Empty);
        var rows = await NodeView.From(db, node => node.Id > after && (anyFleet || node.FleetId == one))
            .Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new Page<NodeView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    public static async Task<Results<Ok<NodeView>, Problem>> OneAsync(
        string node, ControlPlaneDb db, CancellationToken ct)
    {
        var (id, refusal) = await NodeReference.FindAsync(db, node, ct);
        return refusal is not null
            ? refusal
            : TypedResults.Ok(await NodeView.From(db, row => row.Id == id).SingleAsync(ct));
    }
}
