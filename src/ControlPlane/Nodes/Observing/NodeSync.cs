using ControlPlane.Contracts;
using ControlPlane.Nodes.Access;
using Npgsql;

namespace ControlPlane.Nodes.Observing;

/// <summary>
/// Whether a Joining or Lost node may serve: it says it is synced, in this epoch, past every tombstone, and it has
/// proven what the fleet wants for every active domain. Where it refused a newer bundle, the proven last good one is
/// enough: one poisoned renewal must not keep a whole fleet from coming back. Where it serves a newer certificate than
/// the database remembers, that is enough, too: the renewal that puts it right needs nodes that serve. What a rollout
/// has not released yet is not asked for: the last good one is enough. What was revoked is not asked for, because no
/// node is given it. An empty fleet asks for nothing more than the first synced report.
/// </summary>
internal static class NodeSync
{
    public static async Task<bool> IsCompleteAsync(
        NpgsqlConnection connection, NodeIdentity node, ObservedStateReport report, CancellationToken ct)
    {
        if (!report.Synced || report.HAProxy is null)
        {
            return false;
        }

        // After the node's row is locked: an activation either committed before this snapshot, or waits and counts the
        // node.
        await using var command = new NpgsqlCommand(
            """
            WITH gate AS (
                SELECT CASE WHEN canaries = 0 AND rollout = 'Running' THEN revision ELSE released_revision END AS up_to
                FROM fleets WHERE id = $1
            )
            SELECT EXISTS (SELECT 1 FROM fleets WHERE id = $1 AND (epoch = $3 OR revision = 0))
               AND NOT EXISTS (
                   SELECT 1 FROM desired_state
                   WHERE fleet_id = $1 AND bundle_id IS NULL AND revision > $4
                     AND revision <= (SELECT up_to FROM gate))
               AND NOT EXISTS (
                   SELECT 1
                   FROM desired_state wanted
                   JOIN domains domain ON domain.id = wanted.domain_id AND domain.status = 'Active'
                   JOIN bundles newest ON newest.id = wanted.bundle_id
                   LEFT JOIN bundles good ON good.id = domain.active_bundle_id
                   LEFT JOIN node_observations seen ON seen.node_id = $2 AND seen.domain_id = wanted.domain_id
                   WHERE wanted.fleet_id = $1
                     AND NOT EXISTS (SELECT 1 FROM revocations WHERE bundle_id = newest.id AND state = 'Revoked')
                     AND NOT COALESCE(
                         seen.disk_fingerprint = seen.memory_fingerprint
                         AND seen.memory_fingerprint = seen.handshake_fingerprint
                         AND (seen.state = 'Serving' AND seen.handshake_fingerprint = newest.fingerprint
                              OR seen.state = 'Serving' AND seen.handshake_fingerprint = good.fingerprint
                                 AND wanted.revision > (SELECT up_to FROM gate)
                              OR seen.state = 'Refused' AND seen.handshake_fingerprint = good.fingerprint
                                 AND good.id <> newest.id
                              OR seen.state = 'Refused' AND seen.error_code = 'rollback'),
                         false))
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = node.Fleet },
                new() { Value = node.Id },
                new() { Value = report.Epoch },
                new() { Value = report.Revision },
            },
        };
        return await command.ExecuteScalarAsync(ct) is true;
    }
}
