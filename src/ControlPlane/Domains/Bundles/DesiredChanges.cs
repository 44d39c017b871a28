using ControlPlane.Domains.Running;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Bundles;

/// <summary>Leaves word for the publisher, in the order's own transaction: what the fleet should serve for its
/// domain.</summary>
internal static class DesiredChanges
{
    /// <summary>Wants a bundle, or (null) a withdrawal. A change of a later order that still waits is not overwritten:
    /// desired state only ever moves forward. Where a bundle takes a withdrawal's place, hold and approval go with the
    /// withdrawal: an admin's word is for what he has seen, and not for one that comes later.</summary>
    public static Task RecordAsync(OrderRun run, Guid? bundle, CancellationToken ct) =>
        run.Db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)
             VALUES (
                 {run.Domain.Id}, {run.Domain.FleetId}, {run.Domain.Hostname}, {bundle},
                 {run.Order.Sequence}, {run.Now})
             ON CONFLICT (domain_id) DO UPDATE SET
                 bundle_id = excluded.bundle_id,
                 order_sequence = excluded.order_sequence,
                 changed_at = excluded.changed_at,
                 held_at = CASE WHEN excluded.bundle_id IS NULL THEN desired_changes.held_at END,
                 approval = CASE WHEN excluded.bundle_id IS NULL THEN desired_changes.approval END
             WHERE desired_changes.order_sequence <= excluded.order_sequence
             """,
            ct);
}
