using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Conditions;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Domains.Reading;

/// <summary>GET /v1/domains/{id}.</summary>
internal static class ReadDomain
{
    public static void Map(RouteGroupBuilder domains) => domains.MapGet("{id:guid}", HandleAsync)
        .WithMetadata(new HonoursConditions { Reads = true })
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ReadDomain").WithSummary("Read a domain")
        .Documented(
            "Three independent statuses say how far it is: `ownership` (control of the name), `certificate` and "
            + "`delivery` (the nodes). `waitingOn`, `reason` and `fix` say who must do what next. `findings` is all "
            + "that the last look found in the name's DNS (records, CAA, DNSSEC, IPv6, several resolvers) and on port "
            + "80, with the DNS records to copy. `ETag` stays the same until something happens: it does not count "
            + "`nextCheckAt`, `dns.nextLookAt`, and `timeToActive` while that is counting. Poll with `If-None-Match`; "
            + "change with `If-Match`.",
            Problems.MalformedRequest, Problems.NotFound)
        .Example(null, Examples.Active).Produces<DomainView>().Produces(StatusCodes.Status304NotModified);

    private static async Task<IResult> HandleAsync(
        Guid id, Caller caller, HttpContext context, ControlPlaneDb db, DomainViews views, CancellationToken ct)
    {
        if (await db.Domains.FindVisibleAsync(id, caller, ct) is not { } domain)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        var view = await views.OneAsync(domain, ct);
        var tag = DomainTag.Of(view);
        if (Preconditions.Answer(context, tag) is { } instead)
        {
            return instead;
        }

        context.Response.Headers.ETag = tag;
        return TypedResults.Ok(view);
    }
}
