using ControlPlane.Database;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Drills;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Webhooks.Sending;

/// <summary>
/// What one replica does with a webhook while it holds its lease: first what is due again, then what is new, one after
/// the other. In order until something fails; what failed is put aside and does not hold up what comes after it.
/// Each outcome is recorded before the next post leaves. Once a 2xx is recorded nothing is sent under that id again; a
/// process that dies between the answer and the record leaves the lease to run out, and that one event is posted once
/// more, under the same id.
/// </summary>
internal sealed partial class WebhookTurn(
    IDbContextFactory<ControlPlaneDb> databases,
    SecretSeal seal,
    DeliveryRecord record,
    DnsClient dns,
    IOptions<WebhookOptions> options,
    TimeProvider time,
    ILogger<WebhookTurn> log)
{
    /// <summary>Longer than <see cref="Longest"/>, a post's limit and its record together.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(45);

    /// <summary>No post is begun after this; others want a turn.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(15);

    private const int PageSize = 50;

    /// <summary>Sends what there is. Never throws.</summary>
    /// <param name="claimed">Under a fresh lease.</param>
    /// <param name="settled">The number up to which events are settled.</param>
    /// <param name="ct">Ends it between two posts.</param>
    /// <returns>False when it could not go on.</returns>
    public async Task<bool> RunAsync(Webhook claimed, long settled, CancellationToken ct)
    {
        try
        {
            var began = time.GetTimestamp();
            using var secrets = await seal.OpenAsync(claimed.Id, ct);
            using var receiver = new Receiver(dns, options.Value.AllowReservedAddresses, time);
            var turn = new HeldWebhook(claimed, receiver, secrets, () => time.GetElapsedTime(began) < Longest);
            await SendDueAsync(turn, ct);
            await SendNewAsync(turn, settled, ct);
            return true;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The program stops; whoever has the next turn goes on.
            return false;
        }
        catch (Exception fault)
        {
            // Vault or database away: nothing was sent that is not recorded, and the next turn tries again.
            LogFailed(fault, claimed.Id);
            return false;
        }
        finally
        {
            await GiveBackAsync(claimed);
        }
    }

    private async Task SendDueAsync(HeldWebhook turn, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow();
        var due = await db.WebhookDeliveries.AsNoTracking()
            .Where(row => row.WebhookId == turn.Webhook.Id && row.Status == DeliveryState.Retrying
                && row.NextAttemptAt <= now)
            .OrderBy(row => row.EventId != null).ThenBy(row => row.EventId).ThenBy(row => row.Id)
            .Take(PageSize).ToListAsync(ct);
        var ids = due.Select(row => row.EventId).OfType<long>().ToList();
        var events = await db.Events.AsNoTracking().Where(row => ids.Contains(row.Id))
            .ToDictionaryAsync(row => row.Id, ct);
        foreach (var delivery in due)
        {
            var sends = delivery.IsTest ? turn.HasTime : turn.GoesOn(time.GetUtcNow());
            if (sends)
            {
                await SendAsync(turn, delivery.EventId is { } id ? events[id] : null, delivery, ct);
            }
        }
    }

    private async Task SendNewAsync(HeldWebhook turn, long settled, CancellationToken ct)
    {
        var more = true;
        while (more && turn.GoesOn(time.GetUtcNow()))
        {
            var (tenant, from) = (turn.Webhook.TenantId, turn.Webhook.Cursor);
            await using var db = await databases.CreateDbContextAsync(ct);
            var page = await db.Events.AsNoTracking()
                .Where(row => row.TenantId == tenant && row.Id > from && row.Id <= settled)
                .OrderBy(row => row.Id).Take(PageSize).ToListAsync(ct);
            more = page.Count == PageSize;
            var passed = from;
            foreach (var told in page.TakeWhile(_ => turn.GoesOn(time.GetUtcNow())))
            {
                if (turn.Webhook.Wants(told.Type))
                {
                    await SendAsync(turn, told, null, ct);
                }

                passed = told.Id;
            }

            await record.PassAsync(turn, passed);
        }
    }

    private async Task SendAsync(HeldWebhook turn, DomainEvent? told, WebhookDelivery? delivery, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var (message, id) = told is not null
            ? (WebhookMessage.Of(told), WebhookMessage.IdOf(told))
            : (WebhookMessage.Test(delivery!), WebhookMessage.IdOf(delivery!));
        var answer = await turn.Receiver.PostAsync(turn.Webhook.Url, id, message.Write(), turn.Secrets);
        Failpoint.OfThisProcess.Pass("Webhook.call.Post");
        // How it ended is recorded even while the program stops: what was taken must not be sent again.
        await record.WriteAsync(turn, told, delivery?.Id, answer);
        Failpoint.OfThisProcess.Pass("Webhook.commit.Recorded");
        WebhookInstruments.Attempted(answer);
    }

    private async Task GiveBackAsync(Webhook claimed)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
            await db.Webhooks.Where(row => row.Id == claimed.Id && row.LeaseToken == claimed.LeaseToken)
                .ExecuteUpdateAsync(
                    set => set.SetProperty(row => row.LeaseToken, (Guid?)null)
                        .SetProperty(row => row.LeaseUntil, (DateTimeOffset?)null),
                    CancellationToken.None);
        }
        catch (Exception away)
        {
            LogNotGivenBack(away, claimed.Id);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The turn of webhook {Webhook} ended early; the next goes on")]
    private partial void LogFailed(Exception fault, Guid webhook);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The lease of webhook {Webhook} will run out by itself")]
    private partial void LogNotGivenBack(Exception away, Guid webhook);
}
