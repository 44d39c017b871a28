using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Sweeps;

/// <summary>
/// After a paid call whose answer was lost, more may exist at the CA than we recorded. Twice, 5 and 60 minutes later,
/// everything under our id is listed, and all but the recorded order is canceled. Orders that ended without a
/// certificate keep none. For a week after a restore orders from before it are left alone: the one that was recorded
/// may be the one the database has forgotten.
/// </summary>
internal sealed partial class SurplusOrderSweep(
    Authorities authorities,
    IDbContextFactory<ControlPlaneDb> databases,
    CollectionPause pause,
    TimeProvider time,
    ILogger<SurplusOrderSweep> log) : ISweep
{
    private static readonly TimeSpan First = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan Second = TimeSpan.FromMinutes(60);

    /// <summary>Per turn: each costs a call of the shared budget.</summary>
    private const int Most = 50;

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow();
        var (first, second) = (now - First, now - Second);
        var restored = await pause.SinceAsync(db, ct) ?? DateTimeOffset.MinValue.ToUniversalTime();
        // One that is not configured any more cannot be asked; its orders wait until it is.
        var known = authorities.Names;
        var due = await db.Orders.Include(order => order.Domain)
            // In PendingOrder the order's own step is looking: what it is about to adopt must not be canceled under its
            // hands.
            .Where(order => order.State != OrderState.PendingOrder && order.CreatedAt >= restored)
            .Where(order => known.Contains(order.Ca))
            .Where(order => (order.Sweeps == 0 && order.UncertainSince < first)
                || (order.Sweeps == 1 && order.UncertainSince < second))
            .OrderBy(order => order.UncertainSince).Take(Most).ToListAsync(ct);
        foreach (var order in due)
        {
            await SweepAsync(db, order, now, ct);
        }

        await CancelUnrecordedAsync(db, known, restored, now, ct);
    }

    private async Task SweepAsync(ControlPlaneDb db, Order order, DateTimeOffset now, CancellationToken ct)
    {
        foreach (var found in await authorities.Of(order.Ca).FindAsync(order.Id, ct))
        {
            var wanted = found.CaOrderId == order.CaOrderId
                && order.State is not (OrderState.Failed or OrderState.Canceled);
            if (!wanted && found.Status is CaOrderStatus.Pending or CaOrderStatus.Unknown)
            {
                await CancelAsync(db, order, found.CaOrderId, now, ct);
            }
        }

        // Only these two columns, and not through the order's fence: a step may be at work on it.
        await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE orders SET sweeps = sweeps + 1,
                 uncertain_since = CASE WHEN sweeps >= 1 THEN NULL ELSE uncertain_since END
             WHERE id = {order.Id}
             """,
            ct);
        await db.SaveChangesAsync(ct);
    }

    /// <summary>Ids that a worker without a lease got, or that a later adoption left behind.</summary>
    private async Task CancelUnrecordedAsync(
        ControlPlaneDb db, IReadOnlyList<string> known, DateTimeOffset restored, DateTimeOffset now,
        CancellationToken ct)
    {
        var settled = now - First;
        var surplus = await (
            from seen in db.CaOrdersSeen
            join order in db.Orders.Include(order => order.Domain) on seen.OrderId equals order.Id
            where seen.CanceledAt == null && seen.SeenAt < settled && order.State != OrderState.PendingOrder
                // A reissue leaves its id to the next one under the same CA order.
                && !db.Orders.Any(other => other.Id != order.Id && other.CaOrderId == seen.CaOrderId
                    && IssuancePath.AtTheCa.Contains(other.State))
                && order.CreatedAt >= restored && known.Contains(order.Ca)
                && (order.CaOrderId != seen.CaOrderId
                    || (order.State == OrderState.Failed && order.BundleId == null))
            orderby seen.SeenAt
            select new { seen, order }).Take(Most).ToListAsync(ct);
        foreach (var row in surplus)
        {
            // Of a reissue only what is still awaited is canceled: what was issued before it is served.
            var ca = authorities.Of(row.order.Ca);
            if (row.order.ReissueBaseline is null || await IsAwaitedAsync(ca, row.seen.CaOrderId, ct))
            {
                await CancelAsync(db, row.order, row.seen.CaOrderId, now, ct);
            }

            row.seen.CanceledAt = now;
            await db.SaveChangesAsync(ct);
        }
    }

    /// <summary>Not an order that the CA does not show us any more: asked for again it would hold up the
    /// others.</summary>
    private static async Task<bool> IsAwaitedAsync(ICertificateAuthority ca, string caOrderId, CancellationToken ct)
    {
        try
        {
            return (await ca.ReadAsync(caOrderId, ct)).Status == CaOrderStatus.Pending;
        }
        catch (CertificateAuthorityException fault) when (fault.Failure == CaFailure.Refused)
        {
            return false;
        }
    }

    private async Task CancelAsync(
        ControlPlaneDb db, Order order, string caOrderId, DateTimeOffset now, CancellationToken ct)
    {
        var ca = authorities.Of(order.Ca);
        var (type, message) = (EventTypes.OrderSurplusCanceled, $"Surplus order {caOrderId} at {ca.Name} is canceled.");
        try
        {
            await ca.CancelAsync(caOrderId, "Surplus: its answer was lost and another order took its place.", ct);
            LogCanceled(caOrderId, order.Id);
        }
        catch (CertificateAuthorityException fault) when (fault.Failure == CaFailure.Refused)
        {
            // An issued order cannot be canceled. Asking again would not change that, and would hold up the others.
            (type, message) = (EventTypes.OrderSurplusKept, $"Surplus order {caOrderId} stays: {fault.Message}");
            LogKept(caOrderId, order.Id, fault.Message);
        }

        db.Events.Add(new DomainEvent
        {
            At = now,
            TenantId = order.Domain.TenantId,
            DomainId = order.DomainId,
            OrderId = order.Id,
            Type = type,
            Message = message,
        });
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Canceled surplus CA order {CaOrder} of order {Order}")]
    private partial void LogCanceled(string caOrder, Guid order);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Surplus CA order {CaOrder} of order {Order} stays and may have been paid for: {Why}")]
    private partial void LogKept(string caOrder, Guid order, string why);
}
