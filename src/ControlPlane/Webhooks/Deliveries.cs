using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Webhooks;

/// <summary>Reads what did not go well at once.</summary>
internal static class Deliveries
{
    public static void Map(RouteGroupBuilder webhooks)
    {
        webhooks.MapGet("{id:guid}/deliveries", ListAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("ListWebhookDeliveries").WithSummary("List a webhook's deliveries that failed")
            .Documented(
                "Only events that were not taken at the first attempt, and tests; those that came to an end are kept "
                + "for thirty days. `status=dead` shows what was given up.",
                Problems.InvalidField, Problems.NotFound)
            .Words("status", Enum.GetNames<DeliveryState>())
            .Example(null, new Page<DeliveryView>([WebhookExamples.Dead], null)).Produces<Page<DeliveryView>>();
        webhooks.MapGet("{id:guid}/deliveries/{delivery:guid}", ReadAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("ReadWebhookDelivery").WithSummary("Read a delivery to a webhook")
            .Documented("What the receiver answered last, and when it is tried again.", Problems.NotFound)
            .Example(null, WebhookExamples.Dead).Produces<DeliveryView>();
    }

    /// <summary>A delivery of a webhook that the caller may see, or null.</summary>
    public static Task<WebhookDelivery?> FindAsync(
        ControlPlaneDb db, Guid webhook, Guid delivery, Caller caller, CancellationToken ct) =>
        db.WebhookDeliveries.SingleOrDefaultAsync(
            row => row.Id == delivery && row.WebhookId == webhook
                && db.Webhooks.Any(owner => owner.Id == webhook
                    && (caller.Role != ApiRole.Portal || owner.TenantId == caller.TenantId)),
            ct);

    public static Problem Absent => Problems.NotFound.With("The webhook has no such delivery.");

    private static async Task<IResult> ListAsync(
        Guid id, Caller caller, ControlPlaneDb db, CancellationToken ct,
        [Description("How far they are.")] string? status = null, Guid? cursor = null,
        int limit = Page<DeliveryView>.DefaultLimit)
    {
        if (Page<DeliveryView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var words = Enum.GetValues<DeliveryState>().ToDictionary(word => word.ToString().ToLowerInvariant());
        if (status is not null && !words.ContainsKey(status))
        {
            var detail = $"status must be one of {string.Join(", ", words.Keys)}.";
            return Problems.InvalidField.With(detail) with
            {
                Errors = [new FieldProblem("status", Problems.InvalidField.Code, detail)],
            };
        }

        if (!await db.Webhooks.VisibleTo(caller).AnyAsync(row => row.Id == id, ct))
        {
            return KeepWebhook.Absent;
        }

        DeliveryState? wanted = status is null ? null : words[status];
        var rows = await db.WebhookDeliveries.AsNoTracking()
            .Where(row => row.WebhookId == id && (wanted == null || row.Status == wanted)
                && (cursor == null || row.Id > cursor))
            .OrderBy(row => row.Id).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).Select(DeliveryView.Of).ToList();
        return TypedResults.Ok(new Page<DeliveryView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    private static async Task<IResult> ReadAsync(
        Guid id, Guid delivery, Caller caller, ControlPlaneDb db, CancellationToken ct) =>
        await FindAsync(db, id, delivery, caller, ct) is { } row ? TypedResults.Ok(DeliveryView.Of(row)) : Absent;
}
