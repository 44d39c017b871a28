using Npgsql;

namespace ControlPlane.Nodes.Fleets;

/// <summary>
/// Withdrawals wait for no canary and for no pause: they take a name away because its customer said so, or because its
/// key is no longer ours alone; a fleet that stands still would serve it on against their will. What guards against too
/// many of them is the withdrawal breaker, not the rollout. So the batch that brings a withdrawal releases it: what is
/// held moves behind it, to a revision of its own, and canaries that had read it already meet it once more.
/// One kind stays behind: that of a former owner whose name's new bundle is held, because a node changes from one to
/// the other in one revision and is never without.
/// </summary>
internal static class ReleaseWithdrawals
{
    private const string Sql =
        """
        WITH gate AS (
            SELECT revision, released_revision FROM fleets WHERE id = $1
        ), pending AS MATERIALIZED (
            SELECT wanted.domain_id, wanted.hostname, wanted.bundle_id
            FROM desired_state wanted, gate
            WHERE wanted.fleet_id = $1 AND wanted.revision > gate.released_revision
        ), held AS MATERIALIZED (
            SELECT domain_id FROM pending
            WHERE hostname IN (SELECT hostname FROM pending WHERE bundle_id IS NOT NULL)
        ), released AS MATERIALIZED (
            SELECT 1 FROM pending WHERE domain_id NOT IN (SELECT domain_id FROM held)
        ), moved AS (
            UPDATE desired_state SET revision = gate.revision + 1
            FROM gate, held
            WHERE desired_state.fleet_id = $1 AND desired_state.domain_id = held.domain_id
              AND EXISTS (SELECT 1 FROM released)
            RETURNING 1
        )
        UPDATE fleets
        SET released_revision = gate.revision,
            revision = gate.revision + CASE WHEN EXISTS (SELECT 1 FROM moved) THEN 1 ELSE 0 END
        FROM gate
        WHERE fleets.id = $1 AND EXISTS (SELECT 1 FROM released)
        """;

    /// <summary>In the transaction that published them, with the fleet's row locked.</summary>
    public static async Task RunAsync(NpgsqlConnection connection, Guid fleet, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Sql, connection) { Parameters = { new() { Value = fleet } } };
        await command.ExecuteNonQueryAsync(ct);
    }
}
