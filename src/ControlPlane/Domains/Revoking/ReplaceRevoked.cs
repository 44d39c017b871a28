using ControlPlane.Database;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Renewing;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Revoking;

/// <summary>
/// Gives a certificate that is (to be) revoked the order that takes its place: one that is on the path already, and
/// whose own certificate is not to be revoked as well, or a new one. The domain's row is locked first, as a deletion
/// and every other opening does.
/// </summary>
internal static class ReplaceRevoked
{
    private static readonly OrderState[] Good =
        [.. IssuancePath.AtTheCa, OrderState.PendingDeployment, OrderState.Active];

    /// <summary>The name an order was opened for; null when there was one already, or none is needed.</summary>
    /// <exception cref="DbUpdateException">The name has an order at the CA that does not belong to this
    /// domain.</exception>
    public static async Task<string?> RunAsync(
        IDbContextFactory<ControlPlaneDb> databases, Guid bundle, DateTimeOffset now, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var domain = (await db.Domains.FromSql(
            $"""
             SELECT domains.* FROM domains JOIN bundles ON bundles.domain_id = domains.id WHERE bundles.id = {bundle}
             FOR NO KEY UPDATE OF domains
             """).ToListAsync(ct)).Single();
        var row = await db.Revocations.SingleAsync(known => known.BundleId == bundle, ct);
        if (row.OrderId is not null || row.ReplacedAt is not null
            || domain.Status is DomainStatus.Deleting or DomainStatus.Deleted || domain.Claim == Claim.Lost)
        {
            return null;
        }

        var order = await FindAsync(db, bundle, domain.Id, ct);
        var isNew = order is null;
        if (order is null)
        {
            var serial = await db.Bundles.Where(old => old.Id == bundle).Select(old => old.Serial).SingleAsync(ct);
            order = SuccessorOrder.Open(db, domain, $"Certificate {serial} is revoked: it is being replaced.", now);
        }

        // Written first: the row refers to it.
        await db.SaveChangesAsync(ct);
        row.OrderId = order.Id;
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return isNew ? order.Hostname : null;
    }

    private static Task<Order?> FindAsync(ControlPlaneDb db, Guid bundle, Guid domain, CancellationToken ct) => (
        from revoked in db.Bundles
        join own in db.Orders on revoked.OrderId equals own.Id
        from later in db.Orders
        where revoked.Id == bundle && later.DomainId == domain && later.Sequence > own.Sequence
            && Good.Contains(later.State) && !db.Revocations.Any(other => other.BundleId == later.BundleId)
        orderby later.Sequence descending
        select later).FirstOrDefaultAsync(ct);
}
