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
        ControlPlaneDb db, ICertificateAuthority ca, IReadOnlyList<Guid> orders, CancellationToken ct)
    {
        var visits = await db.TokenVisits.AsNoTracking()
            .Where(row => orders.Contains(row.OrderId) && row.Status == StatusCodes.Status200OK)
            .GroupBy(row => new { row.OrderId, row.Source, row.UserAgent })
            .Select(group => new { group.Key, LastAt = group.Max(row => row.At) })
            .ToListAsync(ct);
        return visits.Where(visit => Visitors.Of(visit.Key.UserAgent, ca) == Visitor.Ca)
            .GroupBy(visit => visit.Key.OrderId)
            .ToDictionary(order => order.Key, order => new ValidationView(
                order.DistinctBy(visit => visit.Key.Source).Count(), ca.Perspectives,
                order.Max(visit => visit.LastAt)));
    }
}
