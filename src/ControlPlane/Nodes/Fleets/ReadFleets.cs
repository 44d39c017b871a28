using System.ComponentModel;
using System.Linq.Expressions;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Nodes.Fleets;

/// <summary>GET /v1/fleets and /v1/fleets/{fleet}.</summary>
internal static class ReadFleets
{
    public static async Task<Results<Ok<Page<FleetView>>, Problem>> ListAsync(
        [AsParameters] Tools tools,
        CancellationToken ct,
        [Description("nextCursor of the page before.")] Guid? cursor = null,
        [Description("1–200 fleets a page.")] int limit = Page<FleetView>.DefaultLimit)
    {
        if (Page<FleetView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var after = cursor ?? Guid.Empty;
        var rows = await ReadAsync(tools, fleet => fleet.Id > after, limit + 1, ct);
        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new Page<FleetView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    public static async Task<Results<Ok<FleetView>, Problem>> OneAsync(
        [Description("Id or name.")] string fleet, [AsParameters] Tools tools, CancellationToken ct) =>
        await FleetReference.FindAsync(tools.Db, fleet, ct) is { } found
            ? TypedResults.Ok(await ViewAsync(tools, found.Id, ct))
            : FleetReference.NotFound();

    /// <summary>One that is there.</summary>
    public static async Task<FleetView> ViewAsync(Tools tools, Guid id, CancellationToken ct) =>
        (await ReadAsync(tools, row => row.Id == id, 1, ct))[0];

    private static async Task<IReadOnlyList<FleetView>> ReadAsync(
        Tools tools, Expression<Func<Fleet, bool>> which, int limit, CancellationToken ct)
    {
        var db = tools.Db;
        var rows = await (
            from fleet in db.Fleets.AsNoTracking().Where(which)
            orderby fleet.Id
            select new
            {
                Fleet = fleet,
                Raised = db.EpochBumps.Where(bump => bump.FleetId == fleet.Id).OrderByDescending(bump => bump.Id)
                    .Select(bump => new EpochView(
                        bump.At, bump.FromEpoch, bump.Cause, bump.Detail, bump.DatabaseEndsAt, bump.CollectAfter,
                        bump.CaListedAt))
                    .FirstOrDefault(),
                Strays = db.NodeStrays
                    .Where(stray => db.Nodes.Any(node => node.Id == stray.NodeId && node.FleetId == fleet.Id
                        && node.Standing != NodeStanding.Retired))
                    .Select(stray => stray.Hostname).Distinct().Count(),
            }).Take(limit).ToListAsync(ct);
        var ids = rows.Select(row => row.Fleet.Id).ToList();
        var serving = (await db.Nodes.Where(node => ids.Contains(node.FleetId) && node.Standing == NodeStanding.Serving)
            .OrderBy(node => node.Id).Select(node => new { node.FleetId, node.Name }).ToListAsync(ct))
            .ToLookup(node => node.FleetId, node => node.Name);
        await using var connection = await tools.Database.OpenConnectionAsync(ct);
        var shares = await RefusalShare.ReadAsync(
            connection, tools.Time.GetUtcNow() - tools.Nodes.Value.RefusalWindow, atLeast: 1, ct);
        return
        [
            .. rows.Select(row => new FleetView
            {
                Id = row.Fleet.Id,
                Name = row.Fleet.Name,
                CnameTarget = FleetWay.Of(row.Fleet, tools.Options.Value).CnameTarget,
                Addresses = FleetWay.Of(row.Fleet, tools.Options.Value).Addresses,
                Epoch = row.Fleet.Epoch,
                Revision = row.Fleet.Revision,
                Rollout = new RolloutView
                {
                    State = row.Fleet.Rollout,
                    Since = row.Fleet.RolloutSince,
                    Reason = row.Fleet.RolloutReason,
                    Canaries = row.Fleet.Canaries,
                    CanaryNodes = [.. serving[row.Fleet.Id].Take(row.Fleet.Canaries)],
                    ReleasedRevision = row.Fleet.ReleasedRevision,
                    RefusedDomains = shares.GetValueOrDefault(row.Fleet.Id)?.Domains ?? 0,
                    NackShare = Math.Round(shares.GetValueOrDefault(row.Fleet.Id)?.Share ?? 0, 4),
                },
                Raised = row.Raised,
                Strays = row.Strays,
                CreatedAt = row.Fleet.CreatedAt,
            }),
        ];
    }

    /// <summary>What the routes of fleets share; bound by the framework
    /// (<see cref="AsParametersAttribute"/>).</summary>
    internal readonly record struct Tools(
        ControlPlaneDb Db, NpgsqlDataSource Database, IOptions<FleetOptions> Options, IOptions<NodeOptions> Nodes,
        TimeProvider Time);
}
