using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Webhooks.Sending;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Webhooks;

/// <summary>
/// POST /v1/webhooks. It does not honour Idempotency-Key, because a repeat could be answered only by keeping the
/// secret: whoever lost the answer deletes the webhook that it finds in the list and asks again.
/// </summary>
internal static class MakeWebhook
{
    public static void Map(RouteGroupBuilder webhooks) => webhooks.MapPost("", HandleAsync).Validate<CreateWebhook>()
        .RequireAuthorization(AccessPolicy.Owner)
        .WithName("CreateWebhook").WithSummary("Create a webhook")
        .Documented(
            "Events of the tenant are posted to `url` as they happen, signed as Standard Webhooks "
            + "(https://www.standardwebhooks.com) says: `webhook-id`, `webhook-timestamp` and `webhook-signature` over "
            + "`id.timestamp.body`. The secret is in this answer and nowhere else. A 2xx within ten seconds means that "
            + "the event was taken; anything else is tried again for three days. The same event has the same "
            + "`webhook-id` at each attempt: remember the ids you have seen, and nothing is done twice. The feed, "
            + "`/v1/events`, stays the truth. Types: "
            + string.Join(", ", Domains.EventTypes.Words.Select(word => $"`{word}`")) + ". When none are named, those "
            + "a portal acts upon: " + string.Join(", ", WebhookTypes.OfPortals.Select(word => $"`{word}`")) + ".",
            Problems.InvalidField, Problems.TenantRequired, Problems.TenantNotAllowed, Problems.TenantUnknown,
            WebhookProblems.TooMany, WebhookProblems.NotReady)
        .Example(
            new CreateWebhook(WebhookExamples.Webhook.Url, WebhookExamples.Webhook.EventTypes, "portal"),
            new CreatedWebhook(WebhookExamples.Webhook, WebhookExamples.Secret))
        .Produces<CreatedWebhook>(StatusCodes.Status201Created);

    private static async Task<IResult> HandleAsync(
        CreateWebhook body, Caller caller, ControlPlaneDb db, WebhookRules rules, SecretSeal seal, TimeProvider time)
    {
        if (caller.Role == ApiRole.Portal && body.Tenant is not null)
        {
            return Problems.TenantNotAllowed.With();
        }

        if (caller.Role != ApiRole.Portal && body.Tenant is null)
        {
            return Problems.TenantRequired.With();
        }

        var owner = caller.TenantId
            ?? (await TenantReference.FindAsync(db, body.Tenant!, CancellationToken.None))?.Id;
        if (owner is not { } tenant)
        {
            return Problems.TenantUnknown.With($"There is no tenant {body.Tenant}.");
        }

        var after = body.After ?? await EventFeed.SettledToAsync(db, CancellationToken.None);
        var now = time.NowStored();
        var webhook = new Webhook
        {
            Id = Guid.CreateVersion7(now),
            TenantId = tenant,
            Url = rules.Address(body.Url)!,
            Description = body.Description ?? "",
            EventTypes = [.. body.EventTypes ?? []],
            Cursor = after,
            CreatedAt = now,
        };
        if (await seal.MakeAsync(webhook.Id, CancellationToken.None) is not { } made)
        {
            return WebhookProblems.NotReady.With();
        }

        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        // Of two that are made at once, the second counts the first.
        await db.Database.ExecuteSqlAsync(
            $"SELECT 1 FROM tenants WHERE id = {tenant} FOR NO KEY UPDATE", CancellationToken.None);
        if (await db.Webhooks.CountAsync(row => row.TenantId == tenant, CancellationToken.None)
            >= Webhook.MostOfATenant)
        {
            return WebhookProblems.TooMany.With();
        }

        db.AddRange(webhook, made.Row);
        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Created(
            $"/v1/webhooks/{webhook.Id}",
            new CreatedWebhook(WebhookView.Of(webhook), WebhookSecrets.Reveal(made.Secret)));
    }
}
