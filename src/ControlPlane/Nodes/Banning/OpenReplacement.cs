using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Renewing;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Banning;

/// <summary>
/// Gives one exposed bundle the order that replaces it. A later order that is on the path, or active, and of which
/// nothing was released to the node is enough; else one is opened. The domain's row is locked first, as a deletion and
/// every other opening does: of two that come at the same time, one sees the other's order.
/// </summary>
internal static class OpenReplacement
{
    private static readonly OrderState[] Good =
        [.. IssuancePath.AtTheCa, OrderState.PendingDeployment, OrderState.Active];

    /// <summary>The name an order was opened for; null when there was one already, or none is needed.</summary>
    /// <exception cref="DbUpdateException">The name has an order at the CA that does not belong to this
    /// domain.</exception>
    public static async Task<string?> RunAsync(
        IDbContextFactory<ControlPlaneDb> databases, Guid node, Guid bundle, DateTimeOffset now, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var domain = (await db.Domains.FromSql(
            $"""
             SELECT domains.* FROM domains JOIN bundles ON bundles.domain_id = domains.id WHERE bundles.id = {bundle}
             FOR NO KEY UPDATE OF domains
             """).ToListAsync(ct)).Single();
        var row = (await db.Replacements.FromSql(
            $"SELECT * FROM replacements WHERE node_id = {node} AND bundle_id = {bundle} FOR UPDATE").ToListAsync(ct))
            .Single();
        if (row.State is not (ReplacementState.Waiting or ReplacementState.Failed)
            || domain.Status is DomainStatus.Deleting or DomainStatus.Deleted || domain.Claim == Claim.Lost)
        {
            return null;
        }

        var order = await FindAsync(db, node, bundle, domain.Id, ct);
        var isNew = order is null;
        order ??= SuccessorOrder.Open(db, domain, await WhyAsync(db, node, bundle, ct), now);
        // Written first: the row refers to it.
        await db.SaveChangesAsync(ct);
        (row.State, row.OrderId) = (ReplacementState.Ordered, order.Id);
        (row.Reason, row.Detail, row.NextAttemptAt) = (null, null, null);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return isNew ? order.Hostname : null;
    }

    private static async Task<Order?> FindAsync(
        ControlPlaneDb db, Guid node, Guid bundle, Guid domain, CancellationToken ct) =>
        await (
            from exposed in db.Bundles
            join own in db.Orders on exposed.OrderId equals own.Id
            from later in db.Orders
            where exposed.Id == bundle && later.DomainId == domain && later.Sequence > own.Sequence
                && Good.Contains(later.State)
                && !db.BundleReleases.Any(release =>
                    release.NodeId == node && release.BundleId == later.BundleId)
            orderby later.Sequence descending
            select later).FirstOrDefaultAsync(ct);

    private static async Task<string> WhyAsync(ControlPlaneDb db, Guid node, Guid bundle, CancellationToken ct)
    {
        var serial = await db.Bundles.Where(row => row.Id == bundle).Select(row => row.Serial).SingleAsync(ct);
        var name = await db.Nodes.Where(row => row.Id == node).Select(row => row.Name).SingleAsync(ct);
        return $"Node {name} was banned and could read the key of certificate {serial}: it is being replaced.";
    }
}
