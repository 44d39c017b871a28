using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Visits;

/// <summary>How many of the CA's perspectives fetched the newest order's token.</summary>
/// <param name="Arrived">Addresses that call themselves the CA's and got the token.</param>
/// <param name="Expected">How many perspectives the CA looks from.</param>
/// <param name="LastAt">When the last of them came.</param>
internal sealed record ValidationView(int Arrived, int Expected, DateTimeOffset LastAt)
{
    /// <summary>By order; orders that no perspective has visited are left out.</summary>
    public static async Task<IReadOnlyDictionary<Guid, ValidationView>> ReadAsync(
        ControlPlaneDb db, Authorities authorities, IReadOnlyCollection<Order> orders, CancellationToken ct)
    {
        var cas = orders.ToDictionary(order => order.Id, order => authorities.Find(order.Ca));
        var visits = await db.TokenVisits.AsNoTracking()
            .Where(row => cas.Keys.Contains(row.OrderId) && row.Status == StatusCodes.Status200OK)
            .GroupBy(row => new { row.OrderId, row.Source, row.UserAgent })
            .Select(group => new { group.Key, LastAt = group.Max(row => row.At) })
            .ToListAsync(ct);
        return visits.Where(visit => Visitors.Of(visit.Key.UserAgent, cas[visit.Key.OrderId]) == Visitor.Ca)
            .GroupBy(visit => visit.Key.OrderId)
            .ToDictionary(order => order.Key, order => new ValidationView(
                order.DistinctBy(visit => visit.Key.Source).Count(), cas[order.Key]!.Perspectives,
                order.Max(visit => visit.LastAt)));
    }
}
