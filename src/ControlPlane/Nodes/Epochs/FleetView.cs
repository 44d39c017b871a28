using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Epochs;

/// <summary>A fleet, and the life of its history.</summary>
internal sealed record FleetView
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Raised when the database was set back to an older moment.</summary>
    public required long Epoch { get; init; }

    /// <summary>Position of the last published change.</summary>
    public required long Revision { get; init; }

    /// <summary>The last time the epoch was raised; null when it never was.</summary>
    public required EpochView? Raised { get; init; }

    /// <summary>Names that nodes serve and this database does not want; see <c>/v1/fleets/{id}/strays</c>.</summary>
    public required int Strays { get; init; }
}

/// <summary>When and why an epoch began.</summary>
/// <param name="At">When.</param>
/// <param name="FromEpoch">The epoch before.</param>
/// <param name="Cause"><c>otherCluster</c>, <c>otherTimeline</c> or <c>nodeAhead</c>.</param>
/// <param name="Detail">In a sentence.</param>
/// <param name="DatabaseEndsAt">The newest thing the database remembered: what came later it has forgotten.</param>
/// <param name="CollectAfter">Until then nothing is collected.</param>
/// <param name="CaListedAt">When the CA was asked for orders that have no row here; null while it is still to be
/// asked.</param>
internal sealed record EpochView(
    DateTimeOffset At, long FromEpoch, EpochCause Cause, string Detail, DateTimeOffset DatabaseEndsAt,
    DateTimeOffset CollectAfter, DateTimeOffset? CaListedAt);

/// <summary>GET /v1/fleets.</summary>
internal static class ReadFleets
{
    public static async Task<Results<Ok<Page<FleetView>>, Problem>> ListAsync(
        ControlPlaneDb db,
        CancellationToken ct,
        [Description("nextCursor of the page before.")] Guid? cursor = null,
        [Description("1–200 fleets a page.")] int limit = Page<FleetView>.DefaultLimit)
    {
        if (Page<FleetView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var after = cursor ?? Guid.Empty;
        var rows = await (
            from fleet in db.Fleets
            where fleet.Id > after
            orderby fleet.Id
            select new FleetView
            {
                Id = fleet.Id,
                Name = fleet.Name,
                Epoch = fleet.Epoch,
                Revision = fleet.Revision,
                Raised = db.EpochBumps.Where(bump => bump.FleetId == fleet.Id).OrderByDescending(bump => bump.Id)
                    .Select(bump => new EpochView(
                        bump.At, bump.FromEpoch, bump.Cause, bump.Detail, bump.DatabaseEndsAt, bump.CollectAfter,
                        bump.CaListedAt))
                    .FirstOrDefault(),
                Strays = db.NodeStrays
                    .Where(stray => db.Nodes.Any(node => node.Id == stray.NodeId && node.FleetId == fleet.Id
                        && node.Standing != NodeStanding.Retired))
                    .Select(stray => stray.Hostname).Distinct().Count(),
            }).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new Page<FleetView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }
}
