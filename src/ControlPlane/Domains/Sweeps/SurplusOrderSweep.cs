using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Sweeps;

/// <summary>
/// After a paid call whose answer was lost, more may exist at the CA than we recorded. Twice, 5 and 60 minutes later,
/// everything under our id is listed, and all but the recorded order is canceled. Orders that ended without a
/// certificate keep none.
/// </summary>
internal sealed partial class SurplusOrderSweep(
    ICertificateAuthority ca,
    IDbContextFactory<ControlPlaneDb> databases,
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
        var due = await db.Orders.Include(order => order.Domain)
            // In PendingOrder the order's own step is looking: what it is about to adopt must not be canceled under its
            // hands.
            .Where(order => order.State != OrderState.PendingOrder)
            .Where(order => (order.Sweeps == 0 && order.UncertainSince < first)
                || (order.Sweeps == 1 && order.UncertainSince < second))
            .OrderBy(order => order.UncertainSince).Take(Most).ToListAsync(ct);
        foreach (var order in due)
        {
            await UnlessRefusedAsync(order, () => SweepAsync(db, order, now, ct));
        }

        await CancelUnrecordedAsync(db, now, ct);
    }

    private async Task SweepAsync(ControlPlaneDb db, Order order, DateTimeOffset now, CancellationToken ct)
    {
        foreach (var found in await ca.FindAsync(order.Id, ct))
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
    private async Task CancelUnrecordedAsync(ControlPlaneDb db, DateTimeOffset now, CancellationToken ct)
    {
        var settled = now - First;
        var surplus = await (
            from seen in db.CaOrdersSeen
            join order in db.Orders.Include(order => order.Domain) on seen.OrderId equals order.Id
            where seen.CanceledAt == null && seen.SeenAt < settled && order.State != OrderState.PendingOrder
                && (order.CaOrderId != seen.CaOrderId
                    || (order.State == OrderState.Failed && order.BundleId == null))
            orderby seen.SeenAt
            select new { seen, order }).Take(Most).ToListAsync(ct);
        foreach (var row in surplus)
        {
            await UnlessRefusedAsync(row.order, async () =>
            {
                await CancelAsync(db, row.order, row.seen.CaOrderId, now, ct);
                row.seen.CanceledAt = now;
                await db.SaveChangesAsync(ct);
            });
        }
    }

    /// <summary>What the CA will not cancel, such as an order it has issued meanwhile, must not keep all others alive:
    /// it stays due, and an engineer reads of it.</summary>
    private async Task UnlessRefusedAsync(Order order, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (CertificateAuthorityException refused) when (refused.Failure == CaFailure.Refused)
        {
            LogRefused(order.Id, refused.Message);
        }
    }

    private async Task CancelAsync(
        ControlPlaneDb db, Order order, string caOrderId, DateTimeOffset now, CancellationToken ct)
    {
        await ca.CancelAsync(caOrderId, "Surplus: its answer was lost and another order took its place.", ct);
        db.Events.Add(new DomainEvent
        {
            At = now,
            TenantId = order.Domain.TenantId,
            DomainId = order.DomainId,
            OrderId = order.Id,
            Type = EventTypes.OrderSurplusCanceled,
            Message = $"Surplus order {caOrderId} at {ca.Name} is canceled.",
        });
        LogCanceled(caOrderId, order.Id);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Canceled surplus CA order {CaOrder} of order {Order}")]
    private partial void LogCanceled(string caOrder, Guid order);

    [LoggerMessage(Level = LogLevel.Error, Message = "The CA will not cancel a surplus of order {Order}: {Refusal}")]
    private partial void LogRefused(Guid order, string refusal);
}
