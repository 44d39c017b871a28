using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Proving;

/// <summary>A node the CA may meet when it asks for a token.</summary>
/// <param name="Id">The node.</param>
/// <param name="Name">Its name within the fleet.</param>
/// <param name="HttpEndpoint">Where its port 80 is reached, <c>address:port</c>.</param>
internal sealed record ServingNode(Guid Id, string Name, string HttpEndpoint);

/// <summary>
/// The nodes through which a token must be fetched back before the CA is asked to look. With no Serving node nothing
/// can be proven and the caller waits; a Joining node of an empty fleet becomes Serving at its first synced report.
/// </summary>
internal static class ServingNodes
{
    public static async Task<IReadOnlyList<ServingNode>> ReadAsync(
        ControlPlaneDb db, Guid fleet, CancellationToken ct) =>
        await db.Nodes.AsNoTracking()
            .Where(node => node.FleetId == fleet && node.Standing == NodeStanding.Serving)
            .OrderBy(node => node.Name)
            .Select(node => new ServingNode(node.Id, node.Name, node.HttpEndpoint))
            .ToListAsync(ct);
}
