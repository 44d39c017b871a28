using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Fleets;

/// <summary>Which fleet a new domain goes to: the one an operator names, else its tenant's, else the configured one. It
/// stays there: a domain does not move between fleets.</summary>
internal static class FleetChoice
{
    /// <param name="db">The database.</param>
    /// <param name="named">By id or name; null when the registration does not say.</param>
    /// <param name="tenant">Whose domain it is.</param>
    /// <param name="configured">Name of the configured fleet; made when it is absent.</param>
    /// <param name="now">When.</param>
    /// <returns>Null when there is no fleet of that id or name.</returns>
    public static async Task<Fleet?> MakeAsync(
        ControlPlaneDb db, string? named, Guid tenant, string configured, DateTimeOffset now)
    {
        if (named is not null)
        {
            return await FleetReference.FindAsync(db, named, CancellationToken.None);
        }

        var own = await db.Tenants.Where(row => row.Id == tenant).Select(row => row.FleetId)
            .SingleAsync(CancellationToken.None);
        if (own is { } chosen)
        {
            return await db.Fleets.AsNoTracking().SingleAsync(row => row.Id == chosen, CancellationToken.None);
        }

        await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO fleets (id, name, created_at) VALUES ({Guid.CreateVersion7(now)}, {configured}, {now})
             ON CONFLICT DO NOTHING
             """,
            CancellationToken.None);
        return await db.Fleets.AsNoTracking().SingleAsync(row => row.Name == configured, CancellationToken.None);
    }
}
