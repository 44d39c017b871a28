using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Adoptions;

/// <summary>
/// Asks each CA once which of its orders an adopted certificate belongs to, many with one call: a later certificate is
/// then a reissue and not a purchase. Adoption itself never waits for this, and holds without it.
/// </summary>
internal sealed class AdoptedOrderSweep(
    Authorities authorities, IDbContextFactory<ControlPlaneDb> databases, TimeProvider time) : ISweep
{
    /// <summary>Certificates a question.</summary>
    private const int Together = 50;

    /// <summary>Questions a turn: 1,000 certificates for 20 of the 900 calls that fit into three minutes.</summary>
    private const int MostQuestions = 20;

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        for (var asked = 0; asked < MostQuestions; asked++)
        {
            var some = await NextAsync(db, ct);
            if (some.Count == 0)
            {
                return;
            }

            var found = await FindAsync(
                [.. some.Select(one => new IssuedEarlier(one.Hostname, one.Serial, one.NotAfter))], ct);
            await using var transaction = await db.Database.BeginTransactionAsync(ct);
            foreach (var one in some)
            {
                await RecordAsync(db, one, found.GetValueOrDefault(one.Hostname), ct);
            }

            await db.SaveChangesAsync(ct);
            await transaction.CommitAsync(ct);
        }
    }

    private async Task<Dictionary<string, Bought>> FindAsync(
        IReadOnlyList<IssuedEarlier> certificates, CancellationToken ct)
    {
        var found = new Dictionary<string, Bought>();
        foreach (var ca in authorities.All)
        {
            foreach (var (hostname, order) in await ca.FindIssuedAsync(certificates, ct))
            {
                found[hostname] = new Bought(ca.Name, order);
            }
        }

        return found;
    }

    /// <summary>The oldest first, each of another name.</summary>
    private static async Task<List<Unknown>> NextAsync(ControlPlaneDb db, CancellationToken ct)
    {
        var rows = await (
            from given in db.AdoptedBundles
            join order in db.Orders on given.OrderId equals order.Id
            join bundle in db.Bundles on order.BundleId equals bundle.Id
            where given.SettledAt != null && given.Refusal == null && given.CaLookedAt == null
            orderby given.SettledAt, given.OrderId
            select new Unknown(
                order.Id, order.Domain.TenantId, order.DomainId, order.Hostname, bundle.Serial, bundle.NotBefore,
                bundle.NotAfter))
            .Take(Together).ToListAsync(ct);
        return [.. rows.DistinctBy(row => row.Hostname)];
    }

    private async Task RecordAsync(ControlPlaneDb db, Unknown one, Bought? bought, CancellationToken ct)
    {
        var now = time.NowStored();
        await db.AdoptedBundles.Where(row => row.OrderId == one.Order)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.CaLookedAt, now), ct);
        if (bought is not null)
        {
            // The order was placed before the certificate began. Only these columns, and not through the order's
            // fence: a step may be at work on it.
            var end = bought.Order.ValidUntil ?? authorities.Of(bought.Ca).CoveredUntil(one.NotBefore);
            await db.Database.ExecuteSqlAsync(
                $"""
                 UPDATE orders SET ca = {bought.Ca}, ca_order_id = {bought.Order.CaOrderId},
                     ca_certificate_id = {bought.Order.CaCertificateId}, ca_status = {bought.Order.StatusWord},
                     ca_valid_until = {end}
                 WHERE id = {one.Order} AND ca_order_id IS NULL
                 """,
                ct);
        }

        db.Events.Add(new DomainEvent
        {
            At = now,
            TenantId = one.Tenant,
            DomainId = one.Domain,
            OrderId = one.Order,
            Type = bought is null ? EventTypes.OrderNotAtCa : EventTypes.OrderAdopted,
            Message = bought is null
                ? $"{string.Join(" and ", authorities.Names)} know no order of this account with serial {one.Serial}: "
                    + "the certificate is served, and its successor will be a new order."
                : $"Order {bought.Order.CaOrderId} at {bought.Ca} is adopted: serial {one.Serial} was issued under it, "
                    + "and its successor can be a reissue.",
        });
    }

    private sealed record Bought(string Ca, CaOrder Order);

    private sealed record Unknown(
        Guid Order, Guid Tenant, Guid Domain, string Hostname, string Serial, DateTimeOffset NotBefore,
        DateTimeOffset NotAfter);
}
