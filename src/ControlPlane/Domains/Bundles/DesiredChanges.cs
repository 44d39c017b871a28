using ControlPlane.Database;
using ControlPlane.Domains.Running;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Bundles;

/// <summary>Leaves word for the publisher, in the order's own transaction: what the fleet should serve for its
/// domain.</summary>
internal static class DesiredChanges
{
    /// <summary>Wants a bundle, or (null) a withdrawal. A change of a later order that still waits is not overwritten:
    /// desired state only ever moves forward. Where a bundle takes a withdrawal's place, hold and approval go with the
    /// withdrawal: an admin's word is for what he has seen, and not for one that comes later. The lowest TLS is read
    /// with the domain's row locked: of a step and a portal that changes it at the same time, one sees the
    /// other.</summary>
    public static Task RecordAsync(OrderRun run, Guid? bundle, CancellationToken ct) =>
        run.Db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO desired_changes
                 (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at, tls_minimum)
             SELECT id, fleet_id, hostname, {bundle}::uuid, {run.Order.Sequence}, {run.Now}, tls_minimum
             FROM domains WHERE id = {run.Domain.Id} FOR SHARE
             ON CONFLICT (domain_id) DO UPDATE SET
                 bundle_id = excluded.bundle_id,
                 order_sequence = excluded.order_sequence,
                 changed_at = excluded.changed_at,
                 tls_minimum = excluded.tls_minimum,
                 held_at = CASE WHEN excluded.bundle_id IS NULL THEN desired_changes.held_at END,
                 approval = CASE WHEN excluded.bundle_id IS NULL THEN desired_changes.approval END
             WHERE desired_changes.order_sequence <= excluded.order_sequence
             """,
            ct);

    /// <summary>Wants the same bundle under the domain's present settings. Where none is published and none waits there
    /// is nothing to say: the first one brings them. Within the transaction that changes the domain, its row
    /// locked.</summary>
    public static async Task RenewAsync(ControlPlaneDb db, Domain domain, DateTimeOffset now, CancellationToken ct)
    {
        // First what waits. Should the publisher hold it, this waits for its commit, and the next statement sees what
        // it published.
        if (await db.Database.ExecuteSqlAsync(
            $"UPDATE desired_changes SET tls_minimum = {domain.TlsMinimum} WHERE domain_id = {domain.Id}", ct) > 0)
        {
            return;
        }

        await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO desired_changes
                 (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at, tls_minimum)
             SELECT domain_id, fleet_id, hostname, bundle_id, order_sequence, {now}, {domain.TlsMinimum}
             FROM desired_state
             WHERE fleet_id = {domain.FleetId} AND domain_id = {domain.Id} AND bundle_id IS NOT NULL
             """,
            ct);
    }
}
