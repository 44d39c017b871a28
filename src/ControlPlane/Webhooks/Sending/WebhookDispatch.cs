using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Webhooks.Sending;

/// <summary>
/// Gives webhooks that have something to be told to this replica, one lease each, so that no two replicas ever send to
/// the same one. It runs where the vault can be opened. What it costs follows what happens: while no event is new and
/// nothing is due, a look reads a handful of rows.
/// </summary>
internal sealed partial class WebhookDispatch(
    IDbContextFactory<ControlPlaneDb> databases,
    SecretSeal seal,
    WebhookTurn turns,
    IOptions<WebhookOptions> options,
    TimeProvider time,
    ILogger<WebhookDispatch> log) : BackgroundService
{
    /// <summary>All webhooks are asked at least so often: one may have been enabled, or left by a replica that
    /// died.</summary>
    private static readonly TimeSpan LongestBetweenFullLooks = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _slots = new(options.Value.Parallelism, options.Value.Parallelism);
    private readonly WakeSignal _more = new(time);
    private long _seen;
    private long _lookedAt;
    private volatile bool _askAll = true;

    /// <summary>Looks once.</summary>
    /// <returns>The turns that were begun; each ends by itself.</returns>
    public async Task<IReadOnlyList<Task>> LookAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.NowStored();
        var settled = await EventFeed.SettledToAsync(db, ct);
        var isDue = await db.WebhookDeliveries.AnyAsync(
            row => row.Status == DeliveryState.Retrying && row.NextAttemptAt <= now, ct);
        if (settled == _seen && !isDue && !_askAll && time.GetElapsedTime(_lookedAt) < LongestBetweenFullLooks)
        {
            return [];
        }

        _askAll = false;
        var free = TakeSlots();
        if (free == 0)
        {
            // Each turn that ends asks for another look.
            return [];
        }

        IReadOnlyList<Webhook> claimed = [];
        try
        {
            claimed = await ClaimAsync(db, settled, free, now, ct);
        }
        finally
        {
            if (free > claimed.Count)
            {
                _slots.Release(free - claimed.Count);
            }
        }

        (_seen, _lookedAt) = (settled, time.GetTimestamp());
        return [.. claimed.Select(webhook => RunAsync(webhook, settled, ct))];
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        // What is being posted ends by its own limit; a lease that is not given back runs out.
        for (var slot = 0; slot < options.Value.Parallelism; slot++)
        {
            await _slots.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                // For replicas that make secrets and cannot make the key.
                await seal.PrepareAsync(stoppingToken);
                await LookAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                // Database or vault away. The cursors stand where they are.
                LogFailed(fault);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            await _more.WaitAsync(options.Value.Look, stoppingToken);
        }
    }

    private async Task RunAsync(Webhook webhook, long settled, CancellationToken ct)
    {
        var wentWell = false;
        try
        {
            wentWell = await turns.RunAsync(webhook, settled, ct);
        }
        finally
        {
            _slots.Release();
            // There may be another page for it, and there is room for others. What failed is not asked again at once.
            _askAll = true;
        }

        if (wentWell)
        {
            _more.Ring();
        }
    }

    private int TakeSlots()
    {
        var taken = 0;
        while (_slots.Wait(0, CancellationToken.None))
        {
            taken++;
        }

        return taken;
    }

    /// <summary>Takes webhooks that have something to be told, first those whose last turn is longest ago: a receiver
    /// that is slow falls behind, and must not go before the others for it. A test is sent even to one that is disabled
    /// or held: that is what it is for. Nothing is sent for a tenant that is disabled.</summary>
    private static async Task<IReadOnlyList<Webhook>> ClaimAsync(
        ControlPlaneDb db, long settled, int most, DateTimeOffset now, CancellationToken ct) =>
        await db.Webhooks.FromSql(
            $"""
             UPDATE webhooks SET lease_until = clock_timestamp() + {WebhookTurn.Lease}, lease_token = {Guid.NewGuid()},
                 last_turn_at = clock_timestamp()
             WHERE id IN (
                 SELECT hook.id FROM webhooks hook
                 WHERE (hook.lease_until IS NULL OR hook.lease_until < clock_timestamp())
                   AND NOT EXISTS (SELECT FROM tenants WHERE id = hook.tenant_id AND disabled_at IS NOT NULL)
                   AND (hook.enabled AND coalesce(hook.held_until <= {now}, true)
                           AND (EXISTS (SELECT FROM events
                                        WHERE tenant_id = hook.tenant_id AND id > hook.cursor AND id <= {settled})
                                OR EXISTS (SELECT FROM webhook_deliveries
                                           WHERE webhook_id = hook.id AND status = 'Retrying'
                                             AND next_attempt_at <= {now}))
                       OR EXISTS (SELECT FROM webhook_deliveries
                                  WHERE webhook_id = hook.id AND status = 'Retrying' AND event_id IS NULL))
                 ORDER BY hook.last_turn_at NULLS FIRST, hook.id LIMIT {most} FOR UPDATE SKIP LOCKED)
             RETURNING *
             """).AsNoTracking().ToListAsync(ct);

    [LoggerMessage(Level = LogLevel.Error, Message = "Webhooks could not be looked after; the next look goes on")]
    private partial void LogFailed(Exception fault);
}
