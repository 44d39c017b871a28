using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Visits;

/// <summary>GET /v1/domains/{id}/token-visits: the validator ledger.</summary>
internal static class ReadTokenVisits
{
    public static void Map(RouteGroupBuilder domains) => domains.MapGet("{id:guid}/token-visits", HandleAsync)
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ReadTokenVisits").WithSummary("Read who fetched a domain's validation token")
        .Documented(
            "Each fetch of the newest order's token as the nodes saw it, oldest first: the CA's perspectives, our own "
            + "look before it, and strangers. The CA is known by what it calls itself, which a stranger can do, too. "
            + $"At most {ToldVisits.MostPerSource} of one address and {ToldVisits.MostPerOrder} of one order, for 30 "
            + "days. `validation` on the domain is the sum of it.",
            Problems.NotFound)
        .Example(null, new Page<TokenVisitView>([Examples.Visit], null)).Produces<Page<TokenVisitView>>();

    public static async Task<IResult> HandleAsync(
        Guid id, Caller caller, ControlPlaneDb db, Authorities authorities, CancellationToken ct)
    {
        if (await db.Domains.FindVisibleAsync(id, caller, ct) is not { } domain)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        var rows = await (
            from visit in db.TokenVisits
            join node in db.Nodes on visit.NodeId equals node.Id
            join order in db.Orders on visit.OrderId equals order.Id
            where visit.OrderId == db.Orders.Where(row => row.DomainId == domain.Id)
                .OrderByDescending(row => row.Sequence).Select(row => row.Id).FirstOrDefault()
            orderby visit.Id
            select new { Visit = visit, Node = node.Name, order.Ca }).AsNoTracking().ToListAsync(ct);
        return TypedResults.Ok(new Page<TokenVisitView>(
            [
                .. rows.Select(row => new TokenVisitView(
                    row.Visit.At, row.Node, row.Visit.Source, row.Visit.UserAgent,
                    Visitors.Of(row.Visit.UserAgent, authorities.Find(row.Ca)), row.Visit.Status, row.Visit.Bytes)),
            ],
            null));
    }
}

/// <summary>One fetch of a validation token.</summary>
/// <param name="At">When the node answered it.</param>
/// <param name="Node">The node's name.</param>
/// <param name="Source">The visitor's address; null when the node did not know it.</param>
/// <param name="UserAgent">What the visitor calls itself.</param>
/// <param name="Visitor">Who that is.</param>
/// <param name="Status">200, or 404 for a token that had expired.</param>
/// <param name="Bytes">Length of the answer's body.</param>
internal sealed record TokenVisitView(
    DateTimeOffset At, string Node, string? Source, string? UserAgent, Visitor Visitor, int Status, int Bytes);

/// <summary>Who fetched a token, by its own word.</summary>
internal enum Visitor
{
    /// <summary>A perspective of the certificate authority.</summary>
    Ca,

    /// <summary>This control plane, before the CA is asked to look.</summary>
    Us,

    /// <summary>Anybody else.</summary>
    Stranger,
}

/// <summary>Tells visitors apart.</summary>
internal static class Visitors
{
    /// <summary>What our own fetches call themselves.</summary>
    public const string OurAgent = "ControlPlane";

    /// <param name="userAgent">What the visitor calls itself.</param>
    /// <param name="ca">The order's CA; null when it is not configured any more: then nobody is known as it.</param>
    public static Visitor Of(string? userAgent, ICertificateAuthority? ca) =>
        userAgent is null ? Visitor.Stranger
        : userAgent == OurAgent ? Visitor.Us
        : ca is not null
            && ca.ValidatorAgents.Any(agent => userAgent.StartsWith(agent, StringComparison.Ordinal)) ? Visitor.Ca
        : Visitor.Stranger;
}
