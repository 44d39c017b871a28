using ControlPlane.Database;
using ControlPlane.Webhooks;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.SupportConsole.Pages;

/// <summary>Every tenant's webhooks, those in trouble first, and the deliveries that were given up.</summary>
internal sealed record WebhookBoard(IReadOnlyList<WebhookLine> Hooks, bool HasMore, IReadOnlyList<DeadLetter> Dead);

/// <summary>A webhook.</summary>
internal sealed record WebhookLine(Webhook Hook, string Tenant, int Retrying, int Dead);

/// <summary>A delivery that was given up, with what it was to tell.</summary>
internal sealed record DeadLetter(WebhookDelivery Delivery, string Url, string? Type, string? Message, Guid? Domain);

/// <summary>GET /console/webhooks.</summary>
internal static class WebhookRoute
{
    private const int MostHooks = 200;
    private const int MostDead = 50;

    public static void Map(RouteGroupBuilder pages) =>
        pages.MapGet("webhooks", HandleAsync).WithName("ConsoleWebhooks");

    private static async Task<IResult> HandleAsync(ControlPlaneDb db, CancellationToken ct)
    {
        var hooks = await (
            from hook in db.Webhooks.AsNoTracking()
            join tenant in db.Tenants on hook.TenantId equals tenant.Id
            orderby hook.FailingSince == null, hook.Id
            select new WebhookLine(
                hook, tenant.Name,
                db.WebhookDeliveries.Count(row => row.WebhookId == hook.Id && row.Status == DeliveryState.Retrying),
                db.WebhookDeliveries.Count(row => row.WebhookId == hook.Id && row.Status == DeliveryState.Dead)))
            .Take(MostHooks + 1).ToListAsync(ct);
        var dead = await (
            from row in db.WebhookDeliveries.AsNoTracking()
            join hook in db.Webhooks on row.WebhookId equals hook.Id
            join told in db.Events on row.EventId equals told.Id into events
            from told in events.DefaultIfEmpty()
            where row.Status == DeliveryState.Dead
            orderby row.Id descending
            select new DeadLetter(row, hook.Url, told.Type, told.Message, told.DomainId))
            .Take(MostDead).ToListAsync(ct);
        var board = new WebhookBoard([.. hooks.Take(MostHooks)], hooks.Count > MostHooks, dead);
        return new HtmlPage<WebhooksPage>("Webhooks", board) { LiveSeconds = 10 };
    }
}
