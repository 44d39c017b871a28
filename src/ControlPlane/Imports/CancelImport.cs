using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Imports.Working;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Imports;

/// <summary>POST /v1/imports/{id}/cancel.</summary>
internal static class CancelImport
{
    public static void Map(RouteGroupBuilder imports) => imports.MapPost("{id:guid}/cancel", HandleAsync)
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("CancelImport").WithSummary("Cancel an import")
        .Documented(
            "Rows that were not begun are not registered any more. Domains that exist stay; delete them if they were "
            + "a mistake. Canceling what has come to its end changes nothing.",
            Problems.NotFound)
        .Example(null, ImportExamples.Canceled).Produces<ImportView>();

    private static async Task<IResult> HandleAsync(Guid id, Caller caller, ControlPlaneDb db, TimeProvider time)
    {
        if (!await db.Imports.VisibleTo(caller).AnyAsync(row => row.Id == id, CancellationToken.None))
        {
            return ImportAccess.Absent;
        }

        await ImportEnd.CancelAsync(db, id, time.NowStored(), CancellationToken.None);
        var import = await db.Imports.AsNoTracking().SingleAsync(row => row.Id == id, CancellationToken.None);
        return TypedResults.Ok(await ImportView.WholeAsync(db, import, CancellationToken.None));
    }
}
