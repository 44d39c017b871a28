using System.Security.Cryptography;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Webhooks.Sending;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Webhooks;

/// <summary>A webhook's secrets: one, or two while its owner changes over. Every post is signed with each.</summary>
internal static class WebhookSecrets
{
    public static void Map(RouteGroupBuilder webhooks)
    {
        webhooks.MapPost("{id:guid}/secrets", MakeAsync).RequireAuthorization(AccessPolicy.Owner)
            .WithName("CreateWebhookSecret").WithSummary("Rotate a webhook's secret")
            .Documented(
                "Makes a second secret. Posts then carry two signatures, of which one must fit; so teach the new one "
                + "to your receiver, then delete the old one. The secret is in this answer and nowhere else: if the "
                + "answer is lost, delete it and ask again.",
                Problems.NotFound, WebhookProblems.TooManySecrets, WebhookProblems.NotReady)
            .Example(null, new CreatedWebhookSecret(WebhookExamples.SecretRecord, WebhookExamples.Secret))
            .WithoutLocation().Produces<CreatedWebhookSecret>(StatusCodes.Status201Created);
        webhooks.MapGet("{id:guid}/secrets", ListAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("ListWebhookSecrets").WithSummary("List a webhook's secrets")
            .Documented("Oldest first; ids and times, never a secret.", Problems.NotFound)
            .Example(null, new Page<WebhookSecretView>([WebhookExamples.SecretRecord], null))
            .Produces<Page<WebhookSecretView>>();
        webhooks.MapDelete("{id:guid}/secrets/{secret:guid}", DeleteAsync).RequireAuthorization(AccessPolicy.Owner)
            .WithName("DeleteWebhookSecret").WithSummary("Drop a webhook's secret")
            .Documented(
                "Nothing is signed with it any more, after a post that is under way. The last one stays.",
                Problems.NotFound, WebhookProblems.LastSecret)
            .Example(null, "").Produces(StatusCodes.Status204NoContent);
    }

    /// <summary>For its owner, once; zeroes it.</summary>
    public static string Reveal(byte[] secret)
    {
        var written = WebhookSignature.Written(secret);
        CryptographicOperations.ZeroMemory(secret);
        return written;
    }

    private static async Task<IResult> MakeAsync(Guid id, Caller caller, ControlPlaneDb db, SecretSeal seal)
    {
        if (!await db.Webhooks.VisibleTo(caller).AnyAsync(row => row.Id == id))
        {
            return KeepWebhook.Absent;
        }

        if (await seal.MakeAsync(id, CancellationToken.None) is not { } made)
        {
            return WebhookProblems.NotReady.With();
        }

        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await KeepWebhook.LockAsync(db, id, caller) is null)
        {
            return KeepWebhook.Absent;
        }

        if (await db.WebhookSecrets.CountAsync(row => row.WebhookId == id) >= WebhookSecret.MostOfAWebhook)
        {
            return WebhookProblems.TooManySecrets.With();
        }

        db.Add(made.Row);
        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Created(
            (string?)null,
            new CreatedWebhookSecret(
                new WebhookSecretView(made.Row.Id, made.Row.CreatedAt), Reveal(made.Secret)));
    }

    private static async Task<IResult> ListAsync(Guid id, Caller caller, ControlPlaneDb db, CancellationToken ct) =>
        await db.Webhooks.VisibleTo(caller).AnyAsync(row => row.Id == id, ct)
            ? TypedResults.Ok(new Page<WebhookSecretView>(
                await db.WebhookSecrets.Where(row => row.WebhookId == id).OrderBy(row => row.Id)
                    .Select(row => new WebhookSecretView(row.Id, row.CreatedAt)).ToListAsync(ct),
                null))
            : KeepWebhook.Absent;

    private static async Task<IResult> DeleteAsync(Guid id, Guid secret, Caller caller, ControlPlaneDb db)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        // Of two deletions at once the second finds the last one.
        if (await KeepWebhook.LockAsync(db, id, caller) is null)
        {
            return KeepWebhook.Absent;
        }

        var rows = await db.WebhookSecrets.Where(row => row.WebhookId == id).ToListAsync(CancellationToken.None);
        if (rows.Find(row => row.Id == secret) is not { } dropped)
        {
            return Problems.NotFound.With("The webhook has no such secret.");
        }

        if (rows.Count == 1)
        {
            return WebhookProblems.LastSecret.With();
        }

        db.Remove(dropped);
        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.NoContent();
    }
}
