using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Webhooks;

/// <summary>Sends once more, by command: one delivery, all events since one, or a test.</summary>
internal static class ResendDeliveries
{
    public static void Map(RouteGroupBuilder webhooks)
    {
        webhooks.MapPost("{id:guid}/deliveries/{delivery:guid}/resend", OneAsync)
            .RequireAuthorization(AccessPolicy.Portal)
            .WithName("ResendWebhookDelivery").WithSummary("Resend a delivery")
            .Documented(
                "Tried again at once, then on the schedule from its start. It has the `webhook-id` that it had.",
                Problems.NotFound)
            .Example(null, WebhookExamples.Again).WithoutLocation()
            .Produces<DeliveryView>(StatusCodes.Status202Accepted);
        webhooks.MapPost("{id:guid}/resend", AllAsync).Validate<ResendEvents>()
            .RequireAuthorization(AccessPolicy.Portal)
            .WithName("ResendWebhookEvents").WithSummary("Resend all events since one")
            .Documented(
                "Everything after the event `after` is sent once more, in order, whether it was taken before or not. "
                + "Each has the `webhook-id` that it had, so that a receiver skips what it has seen.",
                Problems.InvalidField, Problems.NotFound)
            .Example(new ResendEvents(40), WebhookExamples.Webhook with { Cursor = 40 }).WithoutLocation()
            .Produces<WebhookView>(StatusCodes.Status202Accepted);
        webhooks.MapPost("{id:guid}/test", TestAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("TestWebhook").WithSummary("Test a webhook")
            .Documented(
                $"Posts one message of the type `{WebhookTypes.Test}`, even while the webhook is disabled or held, and "
                + "does not repeat it: read the delivery to see how it ended. While a test waits, asking for another "
                + "shows that one.",
                Problems.NotFound)
            .Example(null, WebhookExamples.Test).Produces<DeliveryView>(StatusCodes.Status202Accepted);
    }

    private static async Task<IResult> OneAsync(
        Guid id, Guid delivery, Caller caller, ControlPlaneDb db, TimeProvider time)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        // No outcome is recorded meanwhile.
        if (await KeepWebhook.LockAsync(db, id, caller) is null)
        {
            return KeepWebhook.Absent;
        }

        if (await Deliveries.FindAsync(db, id, delivery, caller, CancellationToken.None) is not { } row)
        {
            return Deliveries.Absent;
        }

        row.Resend(time.NowStored());
        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Accepted((string?)null, DeliveryView.Of(row));
    }

    private static async Task<IResult> AllAsync(Guid id, ResendEvents body, Caller caller, ControlPlaneDb db)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await KeepWebhook.LockAsync(db, id, caller) is not { } row)
        {
            return KeepWebhook.Absent;
        }

        // Back to the event, never forward: what was not sent yet is not skipped.
        var after = Math.Min(body.After!.Value, row.Cursor);
        row.Rewind(after);
        await db.WebhookDeliveries.Where(one => one.WebhookId == id && one.EventId > after)
            .ExecuteDeleteAsync(CancellationToken.None);
        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Accepted((string?)null, WebhookView.Of(row));
    }

    private static async Task<IResult> TestAsync(Guid id, Caller caller, ControlPlaneDb db, TimeProvider time)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await KeepWebhook.LockAsync(db, id, caller) is null)
        {
            return KeepWebhook.Absent;
        }

        var now = time.NowStored();
        var test = await db.WebhookDeliveries.FirstOrDefaultAsync(
            row => row.WebhookId == id && row.EventId == null && row.Status == DeliveryState.Retrying,
            CancellationToken.None);
        if (test is null)
        {
            test = new WebhookDelivery
            {
                Id = Guid.CreateVersion7(now),
                WebhookId = id,
                EventId = null,
                NextAttemptAt = now,
                CreatedAt = now,
            };
            db.Add(test);
            await db.SaveChangesAsync(CancellationToken.None);
        }

        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Accepted($"/v1/webhooks/{id}/deliveries/{test.Id}", DeliveryView.Of(test));
    }
}
