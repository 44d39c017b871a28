using ControlPlane.Database;
using ControlPlane.Domains;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Webhooks.Sending;

/// <summary>Records what became of each attempt, and moves the cursor. Every write is fenced by the lease: what a
/// replica does that has lost it changes nothing.</summary>
internal sealed partial class DeliveryRecord(
    IDbContextFactory<ControlPlaneDb> databases, TimeProvider time, ILogger<DeliveryRecord> log)
{
    /// <summary>Writes down how an attempt ended, before the next one begins.</summary>
    /// <param name="turn">The webhook, held.</param>
    /// <param name="told">The event; null for a test.</param>
    /// <param name="asideId">The delivery, when it was tried before; null for what is new.</param>
    /// <param name="answer">How it ended.</param>
    public async Task WriteAsync(HeldWebhook turn, DomainEvent? told, Guid? asideId, Answer answer)
    {
        await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await LockAsync(db, turn) is not { } webhook)
        {
            return;
        }

        var now = time.NowStored();
        // None for what did not fail before, and for what was put aside and then taken back by a resend of all.
        var delivery = asideId is { } aside
            ? await db.WebhookDeliveries.SingleOrDefaultAsync(row => row.Id == aside, CancellationToken.None)
            : await db.WebhookDeliveries.SingleOrDefaultAsync(
                row => row.WebhookId == webhook.Id && row.EventId == told!.Id, CancellationToken.None);
        var releases = false;
        if (answer.IsTaken)
        {
            delivery?.Succeeded(answer.Status!.Value, now);
            releases = webhook.Succeeded(now);
        }
        else if (asideId is null || delivery is not null)
        {
            if (delivery is null)
            {
                db.Add(delivery = New(webhook.Id, told!.Id, now));
            }

            Fail(db, webhook, delivery, answer, now);
        }

        if (asideId is null && webhook.Rewinds == turn.Rewinds)
        {
            webhook.Cursor = told!.Id;
        }

        await db.SaveChangesAsync(CancellationToken.None);
        if (releases)
        {
            await db.WebhookDeliveries
                .Where(row => row.WebhookId == webhook.Id && row.Status == DeliveryState.Retrying)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.NextAttemptAt, now), CancellationToken.None);
        }

        await transaction.CommitAsync(CancellationToken.None);
        turn.Take(webhook);
    }

    private void Fail(
        ControlPlaneDb db, Webhook webhook, WebhookDelivery delivery, Answer answer, DateTimeOffset now)
    {
        var isRepeat = delivery.Attempts > 0;
        delivery.Failed(answer.Status, answer.Fault!, now);
        if (delivery.Status == DeliveryState.Dead)
        {
            WebhookInstruments.GaveUp();
        }

        if (delivery.IsTest)
        {
            return;
        }

        if (webhook.Failed(isRepeat, answer.IsGone, answer.RetryAfter, now))
        {
            db.Events.Add(new DomainEvent
            {
                At = now,
                TenantId = webhook.TenantId,
                Type = EventTypes.WebhookDisabled,
                Message = $"Nothing is sent to webhook {webhook.Id} any more: " + (answer.IsGone
                    ? "it answered 410."
                    : $"it has taken nothing since {webhook.FailingSince:yyyy-MM-dd HH:mm} UTC. {answer.Fault}"),
            });
            LogDisabled(webhook.Id, answer.Fault!);
        }
    }

    /// <summary>Moves the cursor over what nobody asked for.</summary>
    public async Task PassAsync(HeldWebhook turn, long passed)
    {
        if (passed <= turn.Webhook.Cursor)
        {
            return;
        }

        await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await LockAsync(db, turn) is { } webhook)
        {
            webhook.Cursor = webhook.Rewinds == turn.Rewinds ? passed : webhook.Cursor;
            await db.SaveChangesAsync(CancellationToken.None);
            await transaction.CommitAsync(CancellationToken.None);
            turn.Take(webhook);
        }
    }

    /// <summary>Null, and the end of the turn, when it was deleted or another replica has taken it over.</summary>
    private static async Task<Webhook?> LockAsync(ControlPlaneDb db, HeldWebhook turn)
    {
        var (id, token) = (turn.Webhook.Id, turn.Webhook.LeaseToken);
        var webhook = await db.Webhooks
            .FromSql($"SELECT * FROM webhooks WHERE id = {id} AND lease_token = {token} FOR UPDATE")
            .SingleOrDefaultAsync(CancellationToken.None);
        turn.IsLost = webhook is null;
        return webhook;
    }

    private static WebhookDelivery New(Guid webhook, long told, DateTimeOffset now) => new()
    {
        Id = Guid.CreateVersion7(now),
        WebhookId = webhook,
        EventId = told,
        NextAttemptAt = now,
        CreatedAt = now,
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Webhook {Webhook} is disabled: {Why}")]
    private partial void LogDisabled(Guid webhook, string why);
}
