using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Renewing;

/// <summary>
/// Opens a further order for a domain that has one already. The bundle that is served goes on being served until the
/// new one is proven on every serving node (<see cref="AwaitRollout"/>); only then the old order is Superseded, and its
/// key leaves the vault once no node serves it (<see cref="Sweeps.SupersededKeySweep"/>).
/// </summary>
internal static class SuccessorOrder
{
    /// <summary>Adds the order and its event to <paramref name="db"/>. The caller holds the domain's row locked, as a
    /// deletion does first, has seen that none is under way, and commits; where an order of the name is at the CA
    /// already, the database refuses (23505, <c>orders_one_at_the_ca</c>).</summary>
    /// <param name="db">With a transaction open.</param>
    /// <param name="domain">Its row locked.</param>
    /// <param name="why">A sentence for the domain's events.</param>
    /// <param name="now">When.</param>
    /// <param name="told">The event's type.</param>
    public static Order Open(
        ControlPlaneDb db, Domain domain, string why, DateTimeOffset now, string told = EventTypes.OrderOpened)
    {
        var order = Order.Open(domain, OrderKind.Renewal, now);
        db.AddRange(order, new DomainEvent
        {
            At = now,
            TenantId = domain.TenantId,
            DomainId = domain.Id,
            OrderId = order.Id,
            Type = told,
            Message = why,
        });
        return order;
    }

    /// <summary>Whether an order of the domain is on its way already, or being taken down.</summary>
    public static Task<bool> IsUnderWayAsync(ControlPlaneDb db, Guid domain, CancellationToken ct) =>
        db.Orders.AnyAsync(
            order => order.DomainId == domain && order.ClosedAt == null && order.State != OrderState.Active, ct);

    /// <summary>Whether one is that need not be renewed itself: a certificate that the nodes have, and one of them has
    /// not proven in two thirds of its life, runs out on all others.</summary>
    public static async Task<bool> IsAwaitedAsync(
        ControlPlaneDb db, Guid domain, DateTimeOffset now, CancellationToken ct)
    {
        var open = await (
            from order in db.Orders
            where order.DomainId == domain && order.ClosedAt == null && order.State != OrderState.Active
            join bundle in db.Bundles on order.BundleId equals bundle.Id into bundles
            from bundle in bundles.DefaultIfEmpty()
            select new
            {
                order.State,
                NotBefore = (DateTimeOffset?)bundle.NotBefore,
                NotAfter = (DateTimeOffset?)bundle.NotAfter,
            }).ToListAsync(ct);
        return open.Any(one => one is not { State: OrderState.PendingDeployment, NotBefore: { } from, NotAfter: { } to }
            || RenewalMoment.Latest(from, to) > now);
    }
}
