using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Renewing;

/// <summary>The newest certificate that a domain has, and the CA's order it came from.</summary>
/// <param name="CaOrderId">At the CA; null: bought elsewhere, and never found there.</param>
/// <param name="CaValidUntil">Until when that order covers further ones, at most; null: it covers no other.</param>
/// <param name="NotBefore">As in the certificate.</param>
/// <param name="NotAfter">As in the certificate.</param>
/// <param name="Leaf">DER.</param>
internal sealed record Predecessor(
    string? CaOrderId, DateTimeOffset? CaValidUntil, DateTimeOffset NotBefore, DateTimeOffset NotAfter, byte[] Leaf)
{
    /// <summary>The one before an order at the same CA; null when that is the domain's first there.</summary>
    public static Task<Predecessor?> OfAsync(ControlPlaneDb db, Order order, CancellationToken ct) => (
        from earlier in db.Orders
        join bundle in db.Bundles on earlier.BundleId equals bundle.Id
        where earlier.DomainId == order.DomainId && earlier.Id != order.Id && earlier.Ca == order.Ca
        orderby earlier.Sequence descending
        select new Predecessor(
            earlier.CaOrderId, earlier.CaValidUntil, bundle.NotBefore, bundle.NotAfter, bundle.Leaf))
        .FirstOrDefaultAsync(ct);

    /// <summary>Whether an order that lasts until then is worth a reissue.</summary>
    public bool IsCoveredUntil(DateTimeOffset end, DateTimeOffset now) =>
        OrderYear.CoversAnother(end, NotAfter - NotBefore, now);
}
