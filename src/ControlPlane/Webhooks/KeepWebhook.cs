using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Webhooks;

/// <summary>GET, PATCH and DELETE of webhooks.</summary>
internal static class KeepWebhook
{
    public static void Map(RouteGroupBuilder webhooks)
    {
        webhooks.MapGet("", ListAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("ListWebhooks").WithSummary("List webhooks")
            .Documented("In order of creation; a tenant has up to ten.", Problems.InvalidField)
            .Example(null, new Page<WebhookView>([WebhookExamples.Webhook], null)).Produces<Page<WebhookView>>();
        webhooks.MapGet("{id:guid}", ReadAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("ReadWebhook").WithSummary("Read a webhook")
            .Documented(
                "How far it is (`cursor`, an event's id), since when it takes nothing, and why it is disabled.",
                Problems.NotFound)
            .Example(null, WebhookExamples.Webhook).Produces<WebhookView>();
        webhooks.MapPatch("{id:guid}", ChangeAsync).Validate<ChangeWebhook>().RequireAuthorization(AccessPolicy.Owner)
            .WithName("ChangeWebhook").WithSummary("Change a webhook")
            .Documented(
                "What is left out stays. A webhook that is disabled, by you, by a 410 or after five days of failures, "
                + "misses nothing: enabled again, it goes on where it stopped.",
                Problems.InvalidField, Problems.NotFound)
            .Example(new ChangeWebhook(Enabled: true), WebhookExamples.Webhook).Produces<WebhookView>();
        webhooks.MapDelete("{id:guid}", DeleteAsync).RequireAuthorization(AccessPolicy.Owner)
            .WithName("DeleteWebhook").WithSummary("Delete a webhook")
            .Documented(
                "Its secrets and deliveries go with it. A post that is under way may still arrive.", Problems.NotFound)
            .Example(null, "").Produces(StatusCodes.Status204NoContent);
    }

    /// <summary>What belongs to another tenant is as absent as what never was.</summary>
    public static IQueryable<Webhook> VisibleTo(this IQueryable<Webhook> webhooks, Caller caller) =>
        caller.Role == ApiRole.Portal ? webhooks.Where(row => row.TenantId == caller.TenantId) : webhooks;

    public static Problem Absent => Problems.NotFound.With("There is no such webhook.");

    /// <summary>Locks the row, so that no outcome is recorded meanwhile. The caller has a transaction open.</summary>
    public static Task<Webhook?> LockAsync(ControlPlaneDb db, Guid id, Caller caller) => db.Webhooks
        .FromSql($"SELECT * FROM webhooks WHERE id = {id} FOR UPDATE").VisibleTo(caller)
        .SingleOrDefaultAsync(CancellationToken.None);

    private static async Task<IResult> ListAsync(
        Caller caller, ControlPlaneDb db, CancellationToken ct, Guid? cursor = null,
        int limit = Page<WebhookView>.DefaultLimit)
    {
        if (Page<WebhookView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var rows = await db.Webhooks.AsNoTracking().VisibleTo(caller)
            .Where(row => cursor == null || row.Id > cursor).OrderBy(row => row.Id).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).Select(WebhookView.Of).ToList();
        return TypedResults.Ok(new Page<WebhookView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    private static async Task<IResult> ReadAsync(Guid id, Caller caller, ControlPlaneDb db, CancellationToken ct) =>
        await db.Webhooks.AsNoTracking().VisibleTo(caller).SingleOrDefaultAsync(row => row.Id == id, ct) is { } row
            ? TypedResults.Ok(WebhookView.Of(row))
            : Absent;

    private static async Task<IResult> ChangeAsync(
        Guid id, ChangeWebhook body, Caller caller, ControlPlaneDb db, WebhookRules rules)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await LockAsync(db, id, caller) is not { } row)
        {
            return Absent;
        }

        row.Url = body.Url is null ? row.Url : rules.Address(body.Url)!;
        row.EventTypes = body.EventTypes is null ? row.EventTypes : [.. body.EventTypes];
        row.Description = body.Description ?? row.Description;
        switch (body.Enabled)
        {
            case true:
                row.Enable();
                break;
            case false:
                row.Disable(DisabledBecause.Owner);
                break;
        }

        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Ok(WebhookView.Of(row));
    }

    private static async Task<IResult> DeleteAsync(Guid id, Caller caller, ControlPlaneDb db) =>
        await db.Webhooks.VisibleTo(caller).Where(row => row.Id == id).ExecuteDeleteAsync(CancellationToken.None) == 1
            ? TypedResults.NoContent()
            : Absent;
}
