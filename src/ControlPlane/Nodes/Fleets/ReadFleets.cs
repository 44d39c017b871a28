using System.ComponentModel;
using System.Linq.Expressions;
using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Nodes.Fleets;

/// <summary>GET /v1/fleets and /v1/fleets/{fleet}.</summary>
internal static class ReadFleets
{
    public static async Task<Results<Ok<Page<FleetView>>, Problem>> ListAsync(
        ControlPlaneDb db,
        IOptions<FleetOptions> options,
        IOptions<NodeOptions> nodes,
        TimeProvider time,
        CancellationToken ct,
        [Description("nextCursor of the page before.")] Guid? cursor = null,
        [Description("1–200 fleets a page.")] int limit = Page<FleetView>.DefaultLimit)
    {
        if (Page<FleetView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var after = cursor ?? Guid.Empty;
        var rows = await ReadAsync(db, fleet => fleet.Id > after, limit + 1, options.Value, nodes.Value, time, ct);
        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new Page<FleetView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    public static async Task<Results<Ok<FleetView>, Problem>> OneAsync(
        [Description("Id or name.")] string fleet, ControlPlaneDb db, IOptions<FleetOptions> options,
        IOptions<NodeOptions> nodes, TimeProvider time, CancellationToken ct) =>
        await FleetReference.FindAsync(db, fleet, ct) is { } found
            && (await ReadAsync(db, row => row.Id == found.Id, 1, options.Value, nodes.Value, time, ct)) is [var view]
            ? TypedResults.Ok(view)
            : FleetReference.NotFound();

    /// <summary>In order of creation.</summary>
    public static async Task<IReadOnlyList<FleetView>> ReadAsync(
        ControlPlaneDb db, Expression<Func<Fleet, bool>> which, int limit, FleetOptions options, NodeOptions nodes,
        TimeProvider time, CancellationToken ct)
    {
        var earliest = time.GetUtcNow() - nodes.RefusalWindow;
        var rows = await (
            from fleet in db.Fleets.AsNoTracking().Where(which)
            orderby fleet.Id
            let own = db.Nodes.Where(node => node.FleetId == fleet.Id && node.Standing == NodeStanding.Serving)
            let since = fleet.RolloutSince > earliest ? fleet.RolloutSince : earliest
            let refused = db.NodeObservations.Where(row => row.State == ObservedDomainState.Refused
                && row.ObservedAt > since && !RefusalShare.NotOfBundles.Contains(row.ErrorCode)
                && own.Any(node => node.Id == row.NodeId))
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
                Canaries = own.OrderBy(node => node.Id).Take(fleet.Canaries).Select(node => node.Name).ToList(),
                RefusedDomains = refused.Select(row => row.DomainId).Distinct().Count(),
                Refusals = refused.Count(),
                Answers = refused.Any()
                    ? db.NodeObservations.Count(
                        row => row.ObservedAt > since && own.Any(node => node.Id == row.NodeId))
                    : 0,
            }).Take(limit).ToListAsync(ct);
        return
        [
            .. rows.Select(row => new FleetView
            {
                Id = row.Fleet.Id,
                Name = row.Fleet.Name,
                CnameTarget = FleetWay.Of(row.Fleet, options).CnameTarget,
                Addresses = FleetWay.Of(row.Fleet, options).Addresses,
                Epoch = row.Fleet.Epoch,
                Revision = row.Fleet.Revision,
                Rollout = new RolloutView
                {
                    State = row.Fleet.Rollout,
                    Since = row.Fleet.RolloutSince,
                    Reason = row.Fleet.RolloutReason,
                    Canaries = row.Fleet.Canaries,
                    CanaryNodes = row.Canaries,
                    ReleasedRevision = row.Fleet.ReleasedRevision,
                    RefusedDomains = row.RefusedDomains,
                    NackShare = row.Answers == 0 ? 0 : Math.Round((double)row.Refusals / row.Answers, 4),
                },
                Raised = row.Raised,
                Strays = row.Strays,
                CreatedAt = row.Fleet.CreatedAt,
            }),
        ];
    }
}
