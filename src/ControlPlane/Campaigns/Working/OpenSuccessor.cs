using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Renewing;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Campaigns.Working;

/// <summary>
/// Gives one certificate of a campaign the order that replaces it. A later order that is on the path is enough; else
/// one is opened. The campaign's row is locked first, so that after a pause none is opened; then the domain's, as a
/// deletion and every other opening does; then the row itself, unless another replica has it.
/// </summary>
internal static class OpenSuccessor
{
    private static readonly OrderState[] OnThePath = [.. IssuancePath.AtTheCa, OrderState.PendingDeployment];

    /// <summary>The name an order was opened for; null when there was one already, none is needed, or it is no more the
    /// time.</summary>
    /// <exception cref="DbUpdateException">The name has an order at the CA that does not belong to this
    /// domain.</exception>
    public static async Task<string?> RunAsync(
        IDbContextFactory<ControlPlaneDb> databases, Guid campaign, Guid id, DateTimeOffset now, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var running = await db.Campaigns.FromSql(
            $"SELECT * FROM campaigns WHERE id = {campaign} AND state = 'Running' FOR SHARE").ToListAsync(ct);
        var domain = await db.Domains.Locked(id).SingleAsync(ct);
        var row = (await db.CampaignDomains.FromSql(
            $"""
             SELECT * FROM campaign_domains WHERE campaign_id = {campaign} AND domain_id = {id}
               AND state IN ('Waiting', 'Failed') AND (next_attempt_at IS NULL OR next_attempt_at <= {now})
             FOR UPDATE SKIP LOCKED
             """).ToListAsync(ct)).SingleOrDefault();
        // What has changed meanwhile is for the settlement to say.
        if (running.Count == 0 || row is null || domain.Status != DomainStatus.Active || domain.Claim == Claim.Lost
            || domain.IsAway || domain.ActiveBundleId != row.BundleId)
        {
            return null;
        }

        var order = await FindAsync(db, row, ct);
        var isNew = order is null;
        if (order is null)
        {
            order = SuccessorOrder.Open(db, domain, $"Campaign: {running[0].Reason}", now);
            order.InBulk = true;
        }

        // Written first: the row refers to it.
        await db.SaveChangesAsync(ct);
        (row.State, row.OrderId) = (CampaignDomainState.Ordered, order.Id);
        (row.Reason, row.Detail, row.NextAttemptAt) = (null, null, null);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return isNew ? order.Hostname : null;
    }

    private static Task<Order?> FindAsync(ControlPlaneDb db, CampaignDomain row, CancellationToken ct) => (
        from bundle in db.Bundles
        join own in db.Orders on bundle.OrderId equals own.Id
        from later in db.Orders
        where bundle.Id == row.BundleId && later.DomainId == row.DomainId && later.Sequence > own.Sequence
            && OnThePath.Contains(later.State)
        orderby later.Sequence descending
        select later).FirstOrDefaultAsync(ct);
}
