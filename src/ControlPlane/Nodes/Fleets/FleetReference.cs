using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Fleets;

/// <summary>How a fleet is named by callers: by its id or by its name, wherever it is named.</summary>
internal static class FleetReference
{
    /// <summary>Null when there is none of that id or name.</summary>
    public static async Task<Fleet?> FindAsync(ControlPlaneDb db, string reference, CancellationToken ct)
    {
        if (IdOrName.IsId(reference, out var id))
        {
            return await db.Fleets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, ct);
        }

        return IdOrName.IsName(reference)
            ? await db.Fleets.AsNoTracking().SingleOrDefaultAsync(row => row.Name == reference, ct)
            : null;
    }

    /// <summary>The answer where it is not found in a path.</summary>
    public static Problem NotFound() =>
        Problems.NotFound.With("There is no such fleet.", "GET /v1/fleets lists all fleets with id and name.");
}
