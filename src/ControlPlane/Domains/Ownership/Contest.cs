using ControlPlane.Database;
using ControlPlane.Domains.Running;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Ownership;

/// <summary>Who claims a name, and what happens when one of them shows its record.</summary>
internal static class Contest
{
    private static readonly OrderState[] Published = [OrderState.PendingDeployment, OrderState.Active];

    /// <summary>True when another tenant claims the name or had it within the quarantine. What was never proven and
    /// has failed claims nothing any more; nor does what was never proven against an operator's word.</summary>
    public static Task<bool> IsOnAsync(
        ControlPlaneDb db, string hostname, Guid tenant, DateTimeOffset quarantinedSince, bool vouched,
        CancellationToken ct) =>
        db.Domains.AnyAsync(
            other => other.Hostname == hostname && other.TenantId != tenant
                && (other.DeletedAt == null
                    ? other.Claim != Claim.Lost
                        && !(other.Claim == Claim.Contested && (vouched || other.Status == DomainStatus.Failed))
                    : other.Claim == Claim.Held && other.DeletedAt > quarantinedSince),
            ct);

    /// <summary>What a restore has forgotten of the name; nothing where this claim was proven, vouched for, or is
    /// remembered.</summary>
    public static async Task<ForgottenPast> ForgottenPastAsync(OrderRun run, CancellationToken ct) =>
        run.Domain is { ProvenAt: null, Status: DomainStatus.Pending }
            ? await ForgottenNames.LookAgainAsync(run.Db, run.Domain.Hostname, run.Domain.CreatedAt, run.Now, ct)
            : ForgottenPast.None;

    /// <summary>True when another claim waits for its record while this one has not shown its own.</summary>
    public static Task<bool> IsChallengedAsync(OrderRun run, CancellationToken ct) => run.Db.Domains.AnyAsync(
        other => other.Hostname == run.Domain.Hostname && other.Id != run.Domain.Id && other.DeletedAt == null
            && other.Claim == Claim.Contested && other.Status == DomainStatus.Pending,
        ct);

    /// <summary>True while something of another claim is still to be taken down before an order for the name may be
    /// placed. What a served owner publishes stays until the certificate takes over. What waits for its DNS has nothing
    /// to take down: were it waited for, an order opened for a served owner after the proof, as a ban opens them, and
    /// its successor's would wait for each other. The database lets one of the two to the CA. Nor does a former owner
    /// hold up who has its name on the nodes already, and whose order for it is closed only when every node has changed
    /// over: the node that refuses the successor's bundle is helped by the successor's next one alone.</summary>
    public static Task<bool> IsBeingReleasedAsync(OrderRun run, CancellationToken ct)
    {
        var takesOver = run.Domain.Claim == Claim.Proven;
        var holds = run.Domain.Claim == Claim.Held;
        return run.Db.Orders.AnyAsync(
            other => other.Hostname == run.Order.Hostname && other.DomainId != run.Domain.Id && other.ClosedAt == null
                && other.Claim != Claim.Contested
                && !(other.State == OrderState.PendingDns && other.CancelRequestedAt == null)
                && !(takesOver && other.Claim == Claim.Held && Published.Contains(other.State))
                && !(holds && other.State == OrderState.Canceling && other.BundleId != null
                    && other.TokenPublishedAt == null
                    && run.Db.DesiredState.Any(row => row.DomainId == run.Domain.Id && row.BundleId != null)),
            ct);
    }

    /// <summary>The record was seen. Whoever else claims the name loses it, except an owner that serves: it does so
    /// until <see cref="TakeOverAsync"/>.</summary>
    /// <returns>False when another claim was faster.</returns>
    public static async Task<bool> WinAsync(OrderRun run, IWakes wakes, CancellationToken ct)
    {
        if (await LockAsync(run, ct) is not { } others)
        {
            return false;
        }

        var holder = others.SingleOrDefault(other => other.Claim == Claim.Held);
        var serves = holder is not null && await run.Db.Orders.AnyAsync(
            order => order.DomainId == holder.Id && Published.Contains(order.State), ct);
        foreach (var other in others.Where(other => other != holder || !serves))
        {
            await LoseAsync(run, wakes, other, ct);
        }

        if (serves)
        {
            // Its renewal would stand in the way at the CA, and would be for a name about to go.
            await EndOrdersAsync(run, wakes, holder!, order => !Published.Contains(order.State), ct);
        }

        // The losers first: the database knows one owner at a time.
        await run.Db.SaveChangesAsync(ct);
        run.Domain.ProvenAt = run.Now;
        run.Domain.Claim = serves ? Claim.Proven : Claim.Held;
        run.Tell(
            EventTypes.OwnershipProven,
            $"{OwnershipRecord.NameFor(run.Domain.Hostname)} shows the record of this registration.");
        return true;
    }

    /// <summary>In the transaction that publishes the certificate: the former owner's bundle is withdrawn in the same
    /// revision, so that a node changes from one to the other and is never without.</summary>
    /// <returns>False when the claim was lost meanwhile: nothing may be published.</returns>
    public static async Task<bool> TakeOverAsync(OrderRun run, IWakes wakes, CancellationToken ct)
    {
        if (run.Domain.Claim == Claim.Held)
        {
            return true;
        }

        if (await LockAsync(run, ct) is not { } others)
        {
            return false;
        }

        foreach (var other in others.Where(other => other.Claim == Claim.Held))
        {
            await LoseAsync(run, wakes, other, ct);
            await run.Db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)
                 SELECT {other.Id}, {other.FleetId}, {other.Hostname}, NULL, max(sequence), {run.Now}
                 FROM orders WHERE domain_id = {other.Id} AND bundle_id IS NOT NULL HAVING count(*) > 0
                 ON CONFLICT (domain_id) DO UPDATE SET bundle_id = NULL,
                     order_sequence = greatest(desired_changes.order_sequence, excluded.order_sequence)
                 """,
                ct);
        }

        await run.Db.SaveChangesAsync(ct);
        run.Domain.Claim = Claim.Held;
        return true;
    }

    /// <summary>Locks every live claim to the name, in the order of their ids, so that of two that win at once one
    /// sees the other.</summary>
    /// <returns>The other claims that still stand; null when our own does not any more.</returns>
    private static async Task<List<Domain>?> LockAsync(OrderRun run, CancellationToken ct)
    {
        if (!run.InTransaction)
        {
            await run.BeginAsync(ct);
        }

        var claims = await run.Db.Domains
            .FromSql($"""
                SELECT * FROM domains WHERE hostname = {run.Domain.Hostname} AND deleted_at IS NULL
                ORDER BY id FOR NO KEY UPDATE
                """)
            .Select(row => new { row.Id, row.Claim }).ToListAsync(ct);
        if (claims.Single(claim => claim.Id == run.Domain.Id).Claim == Claim.Lost)
        {
            return null;
        }

        var others = claims.Where(claim => claim.Id != run.Domain.Id && claim.Claim != Claim.Lost)
            .Select(claim => claim.Id).ToList();
        return await run.Db.Domains.Where(row => others.Contains(row.Id)).ToListAsync(ct);
    }

    private static async Task LoseAsync(OrderRun run, IWakes wakes, Domain loser, CancellationToken ct)
    {
        loser.Claim = Claim.Lost;
        if (loser.Status != DomainStatus.Deleting)
        {
            loser.Status = DomainStatus.Failed;
        }

        run.Db.Events.Add(new DomainEvent
        {
            At = run.Now,
            TenantId = loser.TenantId,
            DomainId = loser.Id,
            Type = EventTypes.OwnershipLost,
            Message = $"Whoever controls the DNS of {loser.Hostname} has given the name to another account.",
        });
        await EndOrdersAsync(run, wakes, loser, _ => true, ct);
    }

    private static async Task EndOrdersAsync(
        OrderRun run, IWakes wakes, Domain domain, Func<Order, bool> which, CancellationToken ct)
    {
        var open = await run.Db.Orders
            .Where(order => order.DomainId == domain.Id && order.State != OrderState.Superseded
                && order.State != OrderState.Canceled)
            .ToListAsync(ct);
        foreach (var order in open.Where(which))
        {
            if (order.RequestCancel(run.Now) is { } from)
            {
                run.Db.Events.Add(new DomainEvent
                {
                    At = run.Now,
                    TenantId = domain.TenantId,
                    DomainId = domain.Id,
                    OrderId = order.Id,
                    Type = EventTypes.OrderMoved,
                    Message = $"{from} → {order.State}: {domain.WhyCanceled}",
                });
            }

            run.AfterCommit(() => wakes.Wake(order.State));
        }
    }
}
