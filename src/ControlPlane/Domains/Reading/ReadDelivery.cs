using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Reading;

/// <summary>GET /v1/domains/{id}/delivery: what every node shows for the domain.</summary>
internal static class ReadDelivery
{
    public static void Map(RouteGroupBuilder domains) => domains.MapGet("{id:guid}/delivery", HandleAsync)
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ReadDelivery").WithSummary("Read a domain's delivery, node by node")
        .Documented(
            "A node is `proven` when its disk, HAProxy's memory and a TLS handshake all showed the desired "
            + "certificate. Nodes that have reported nothing yet are listed with empty fields.",
            Problems.NotFound)
        .Example(null, new Page<NodeDeliveryView>([Examples.Node], null)).Produces<Page<NodeDeliveryView>>();

    public static async Task<IResult> HandleAsync(Guid id, Caller caller, ControlPlaneDb db, CancellationToken ct)
    {
        if (await db.Domains.FindVisibleAsync(id, caller, ct) is not { } domain)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        var desired = await (
            from row in db.DesiredState
            join bundle in db.Bundles on row.BundleId equals bundle.Id
            where row.DomainId == id
            select bundle.Fingerprint).SingleOrDefaultAsync(ct);
        var nodes = await db.Nodes.AsNoTracking()
            .Where(row => row.FleetId == domain.FleetId && row.Standing != NodeStanding.Retired)
            .OrderBy(row => row.Name).ToListAsync(ct);
        var seen = await db.NodeObservations.AsNoTracking().Where(row => row.DomainId == id)
            .ToDictionaryAsync(row => row.NodeId, ct);
        var items = nodes.Select(node => View(node, seen.GetValueOrDefault(node.Id), desired)).ToList();
        return TypedResults.Ok(new Page<NodeDeliveryView>(items, null));
    }

    private static NodeDeliveryView View(Node node, NodeObservation? seen, string? desired) => new(
        node.Name, node.Standing, seen?.State, seen?.DiskFingerprint, seen?.MemoryFingerprint,
        seen?.HandshakeFingerprint,
        desired is not null && seen?.Proves(desired) == true,
        seen?.ErrorCode is { } code ? new NodeErrorView(code, seen.ErrorDetail ?? "") : null,
        seen?.Revision, seen?.ObservedAt);
}

/// <summary>What one node shows for one domain.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="Standing">Whether it counts: serving, joining, lost, draining.</param>
/// <param name="State">What became of the domain there; null before the first report.</param>
/// <param name="DiskFingerprint">SHA-256 of the leaf on disk.</param>
/// <param name="MemoryFingerprint">SHA-256 of the leaf in HAProxy's memory.</param>
/// <param name="HandshakeFingerprint">SHA-256 of the leaf served in a TLS handshake.</param>
/// <param name="Proven">True when all three are the desired one.</param>
/// <param name="Error">Why the node refused the bundle; null otherwise.</param>
/// <param name="Revision">The revision of the fleet's desired state this answers.</param>
/// <param name="ObservedAt">When it was first reported so.</param>
internal sealed record NodeDeliveryView(
    string Node,
    NodeStanding Standing,
    ObservedDomainState? State,
    string? DiskFingerprint,
    string? MemoryFingerprint,
    string? HandshakeFingerprint,
    bool Proven,
    NodeErrorView? Error,
    long? Revision,
    DateTimeOffset? ObservedAt);

/// <summary>Why a node refused a bundle.</summary>
internal sealed record NodeErrorView(string Code, string Detail);
