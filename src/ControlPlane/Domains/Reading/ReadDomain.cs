using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Domains.Reading;

/// <summary>GET /v1/domains/{id}.</summary>
internal static class ReadDomain
{
    public static void Map(RouteGroupBuilder domains) => domains.MapGet("{id:guid}", HandleAsync)
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ReadDomain").WithSummary("Read a domain")
        .Documented(
            "Three independent statuses say how far it is: `ownership` (control of the name), `certificate` and "
            + "`delivery` (the nodes). `waitingOn`, `reason` and `fix` say who must do what next. `findings` is all "
            + "that the last look found in the name's DNS (records, CAA, DNSSEC, IPv6, several resolvers) and on port "
            + "80, with the DNS records to copy.",
            Problems.NotFound)
        .Example(null, Examples.Active).Produces<DomainView>();

    private static async Task<IResult> HandleAsync(
        Guid id, Caller caller, ControlPlaneDb db, DomainViews views, CancellationToken ct) =>
        await db.Domains.FindVisibleAsync(id, caller, ct) is { } domain
            ? TypedResults.Ok(await views.OneAsync(domain, ct))
            : Problems.NotFound.With("There is no such domain.");
}
