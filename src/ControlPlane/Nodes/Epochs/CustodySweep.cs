using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Epochs;

/// <summary>
/// After a restore a node may serve a newer certificate than this database remembers: its key is on the nodes, and not
/// in the vault. The rule:
/// <list type="number">
/// <item>The newer one is served on. The older is never delivered over it: the agent refuses it (<c>rollback</c>), and
/// says so with every fingerprint.</item>
/// <item>The domain stays active and says why it is not whole (<see cref="Reasons.NewerOnNodes"/>).</item>
/// <item>Custody is made whole in the background: a renewal is opened, whose key is in the vault again and whose
/// certificate is newer than both. A name is served all the while, so that it waits behind new domains (the renewals'
/// share of the CA's budget), a few names a turn, and one name once a day however its renewal ends.</item>
/// </list>
/// </summary>
internal sealed partial class CustodySweep(
    IDbContextFactory<ControlPlaneDb> databases, IWakes wakes, TimeProvider time, ILogger<CustodySweep> log) : ISweep
{
    /// <summary>A turn every minute: 1,200 names an hour, far below what the CA allows.</summary>
    private const int Most = 20;

    private static readonly TimeSpan Again = TimeSpan.FromDays(1);

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var names = await db.Database.SqlQuery<Guid>(
            $"""
             SELECT DISTINCT d.id AS "Value"
             FROM node_observations seen JOIN domains d ON d.id = seen.domain_id AND d.status = 'Active'
             WHERE seen.state = 'Refused' AND seen.error_code = 'rollback' AND seen.handshake_fingerprint IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM bundles WHERE fingerprint = seen.handshake_fingerprint)
               AND NOT EXISTS (
                   SELECT 1 FROM orders o WHERE o.domain_id = d.id
                     AND ((o.closed_at IS NULL AND o.state <> 'Active')
                          OR (o.kind = 'Renewal' AND o.created_at > {time.GetUtcNow() - Again})))
             LIMIT {Most}
             """).ToListAsync(ct);
        foreach (var name in names)
        {
            await RenewAsync(name, ct);
        }

        if (names.Count > 0)
        {
            wakes.Wake(OrderState.PendingDns);
        }
    }

    private async Task RenewAsync(Guid id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        // As a deletion locks it: one that came first is seen, one that comes later finds the renewal.
        var domain = (await db.Domains.FromSql($"SELECT * FROM domains WHERE id = {id} FOR UPDATE").ToListAsync(ct))[0];
        var open = await db.Orders.Where(order => order.DomainId == id && order.ClosedAt == null).ToListAsync(ct);
        if (domain.Status != DomainStatus.Active || open.Any(order => order.State != OrderState.Active))
        {
            return;
        }

        const string Detail = "Its key is not in this vault. It is served on; a renewal is under way behind it.";
        foreach (var served in open)
        {
            (served.Reason, served.ReasonDetail) = (Reasons.NewerOnNodes.Code, Detail);
        }

        var now = time.GetUtcNow();
        var renewal = Order.Open(domain, OrderKind.Renewal, now);
        db.AddRange(renewal, new DomainEvent
        {
            At = now,
            TenantId = domain.TenantId,
            DomainId = domain.Id,
            OrderId = renewal.Id,
            Type = EventTypes.NewerOnNodes,
            Message = $"{Reasons.NewerOnNodes.Title} {Detail}",
        });
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        LogRenewed(domain.Hostname);
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Hostname} is served with a newer certificate than this database knows; a renewal is opened")]
    private partial void LogRenewed(string hostname);
}
