using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Receipts;

/// <summary>What became of a domain or a node that is gone, for the person who is asked to show it.</summary>
internal static class ReceiptRoutes
{
    private static readonly ReceiptView<DomainReceipt> OfDomain = new(
        true, Examples.At.AddDays(31), new string('9', 64),
        new DomainReceipt(
            Examples.Active.Id, "shop.example.com", Guid.Parse("019cadc6-0a28-7001-8c54-2b3c4d5e6f70"),
            Examples.At.AddDays(1), ["node-1", "node-2"], ["node-3"],
            [
                new ReceiptOrder(
                    Guid.Parse("019cadc6-0a28-7f02-92a4-7c6b5a493827"), OrderKind.New, OrderState.Canceled, "610000123",
                    Examples.Certificate.Serial),
            ],
            [
                new ReceiptKey(
                    Guid.Parse("019cadc6-0b10-7a11-8d21-1f2e3d4c5b6a"),
                    Guid.Parse("019cadc6-0a28-7f02-92a4-7c6b5a493827"), new string('a', 64), Examples.At,
                    Examples.At.AddDays(1), Examples.At.AddDays(31)),
            ]));

    private static readonly ReceiptView<NodeReceipt> OfNode = new(
        true, Examples.At.AddDays(1), new string('9', 64),
        new NodeReceipt(
            NodeExamples.Serving.Id, "node-1", "default", Examples.At, Examples.At.AddDays(1), Examples.At.AddDays(1),
            "0123456789abcdef0123456789abcdef", 25, new string('a', 64), 0, 25, 0, 25, 25, 0));

    public static void MapReceipts(this WebApplication app)
    {
        app.MapGet("/v1/domains/{id:guid}/receipt", DomainAsync).WithTags("Domains")
            .RequireAuthorization(AccessPolicy.Portal)
            .WithName("ReadDomainReceipt").WithSummary("Read what became of a deleted domain")
            .Documented(
                "Its orders, its private keys by the SHA-256 of their public halves with when each was sealed, deleted "
                + "and destroyed, the nodes that proved that they do not hold the name any more and those that were "
                + "lost then. Before the last key is destroyed, 30 days after it was deleted, `complete` is false and "
                + "this is how far it is; then the receipt is issued, stays as it is, and its SHA-256 stands in the "
                + "sealed audit trail as the outcome of `IssueReceipt`.",
                Problems.MalformedRequest, Problems.NotFound)
            .Example(null, OfDomain).Produces<ReceiptView<DomainReceipt>>();
        app.MapGet("/v1/nodes/{node}/receipt", NodeAsync).WithTags("Nodes")
            .RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadNodeReceipt").WithSummary("Read what became of what a removed node had seen")
            .Documented(
                "How many certificates' keys it was given, and how many of these are in use by others, deleted or "
                + "destroyed, replaced and revoked. Issued within the hour after it was retired, or, after a ban with "
                + "`rekey`, once all of it is replaced and revoked; its SHA-256 stands in the sealed audit trail as "
                + "the outcome of `IssueReceipt`. `complete` is false before that.",
                Problems.NotFound, NodeProblems.NodeAmbiguous)
            .Example(null, OfNode).Produces<ReceiptView<NodeReceipt>>();
    }

    private static async Task<IResult> DomainAsync(Guid id, Caller caller, ControlPlaneDb db, CancellationToken ct)
    {
        if (await db.Domains.FindVisibleAsync(id, caller, ct) is null)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        var issued = await db.Receipts.AsNoTracking().SingleOrDefaultAsync(row => row.DomainId == id, ct);
        return TypedResults.Ok(
            await ReceiptDocuments.ViewAsync(issued, () => ReceiptDocuments.OfDomainAsync(db, id, ct)));
    }

    private static async Task<IResult> NodeAsync(
        string node, ControlPlaneDb db, NpgsqlDataSource database, CancellationToken ct)
    {
        var (id, refusal) = await NodeReference.FindAsync(db, node, ct);
        if (refusal is not null)
        {
            return refusal;
        }

        var issued = await db.Receipts.AsNoTracking().SingleOrDefaultAsync(row => row.NodeId == id, ct);
        return TypedResults.Ok(await ReceiptDocuments.ViewAsync(issued, async () =>
        {
            await using var connection = await database.OpenConnectionAsync(ct);
            return await ReceiptDocuments.OfNodeAsync(connection, id, ct);
        }));
    }
}
