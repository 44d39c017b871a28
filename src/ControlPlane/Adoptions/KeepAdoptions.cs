using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Adoptions;

/// <summary>An adoption as operators see it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Fleet">Name of the fleet.</param>
/// <param name="Node">The node that used its code; null while none has.</param>
/// <param name="CreatedAt">When it was opened.</param>
/// <param name="ExpiresAt">From then on nothing can be handed in.</param>
/// <param name="ClosedAt">When it was closed before that; null when it was not.</param>
/// <param name="HandedIn">Bundles that were handed in and wait to be looked at.</param>
/// <param name="Adopted">Bundles that were taken.</param>
/// <param name="Refused">Bundles that were not.</param>
internal sealed record AdoptionView(
    Guid Id, string Fleet, string? Node, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset? ClosedAt,
    int HandedIn, int Adopted, int Refused);

/// <summary>GET and DELETE of adoptions.</summary>
internal static class KeepAdoptions
{
    public static async Task<Results<Ok<Page<AdoptionView>>, Problem>> ListAsync(
        ControlPlaneDb db, CancellationToken ct,
        [Description("nextCursor of the page before.")] Guid? cursor = null,
        [Description("1–200 adoptions a page.")] int limit = Page<AdoptionView>.DefaultLimit)
    {
        if (Page<AdoptionView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var rows = await Views(db, db.Adoptions.Where(row => cursor == null || row.Id < cursor)
            .OrderByDescending(row => row.Id).Take(limit + 1)).ToListAsync(ct);
        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new Page<AdoptionView>(
            items, rows.Count > limit ? items[^1].Id.ToString() : null));
    }

    public static async Task<Results<Ok<AdoptionView>, Problem>> OneAsync(
        [Description("The adoption's id.")] Guid adoption, ControlPlaneDb db, CancellationToken ct) =>
        await Views(db, db.Adoptions.Where(row => row.Id == adoption)).SingleOrDefaultAsync(ct) is { } view
            ? TypedResults.Ok(view)
            : Problems.NotFound.With("There is no such adoption.");

    public static async Task<Results<NoContent, Problem>> CloseAsync(
        [Description("The adoption's id.")] Guid adoption, ControlPlaneDb db, TimeProvider time,
        CancellationToken ct)
    {
        var now = time.NowStored();
        return await db.Adoptions.Where(row => row.Id == adoption).ExecuteUpdateAsync(
                set => set.SetProperty(row => row.ClosedAt, row => row.ClosedAt ?? now), ct) == 0
            ? Problems.NotFound.With("There is no such adoption.")
            : TypedResults.NoContent();
    }

    private static IQueryable<AdoptionView> Views(ControlPlaneDb db, IQueryable<Adoption> which) => which.Select(
        row => new AdoptionView(
            row.Id,
            db.Fleets.Single(fleet => fleet.Id == row.FleetId).Name,
            db.Nodes.Where(node => node.Id == row.NodeId).Select(node => node.Name).FirstOrDefault(),
            row.CreatedAt,
            row.ExpiresAt,
            row.ClosedAt,
            db.AdoptedBundles.Count(bundle => bundle.AdoptionId == row.Id && bundle.SettledAt == null),
            db.AdoptedBundles.Count(
                bundle => bundle.AdoptionId == row.Id && bundle.SettledAt != null && bundle.Refusal == null),
            db.AdoptedBundles.Count(bundle => bundle.AdoptionId == row.Id && bundle.Refusal != null)));
}
