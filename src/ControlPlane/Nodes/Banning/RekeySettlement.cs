using ControlPlane.Domains;
using ControlPlane.Http;
using Npgsql;

namespace ControlPlane.Nodes.Banning;

/// <summary>
/// Reads off the orders how far the replacements are. Set by set and from the rows alone, so that it may be killed and
/// repeated at will. The bans' rows are locked first: one that is just adding something waits, and is not called
/// finished.
/// </summary>
internal static class RekeySettlement
{
    /// <summary>Pauses before the next order after one that failed: the first failures are mostly a customer's DNS or a
    /// CA's bad hour. There is no end to it: the old key stays in other hands.</summary>
    private static readonly int[] RetryMinutes = [15, 60, 6 * 60, 24 * 60];

    private const string GoneDomains =
        """
        UPDATE replacements replaced
        SET state = 'NotNeeded', reason = CASE WHEN domains.claim = 'Lost' THEN $3 ELSE $2 END, detail = NULL,
            next_attempt_at = NULL, settled_at = $1
        FROM bundles JOIN domains ON domains.id = bundles.domain_id
        WHERE replaced.settled_at IS NULL AND bundles.id = replaced.bundle_id
          AND (domains.status IN ('Deleting', 'Deleted') OR domains.claim = 'Lost')
        """;

    /// <summary>Proven on every serving node, never released to the banned one, and the old one no longer
    /// wanted.</summary>
    private const string Proven =
        """
        UPDATE replacements replaced
        SET state = 'Replaced', order_id = proven.order_id, reason = NULL, detail = NULL, next_attempt_at = NULL,
            settled_at = $1
        FROM bundles old JOIN domains ON domains.id = old.domain_id
        JOIN bundles proven ON proven.id = domains.active_bundle_id
        WHERE replaced.settled_at IS NULL AND old.id = replaced.bundle_id AND domains.status = 'Active'
          AND NOT EXISTS (SELECT 1 FROM bundles_in_use used WHERE used.bundle_id = old.id)
          AND NOT EXISTS (
              SELECT 1 FROM bundle_releases
              WHERE bundle_releases.node_id = replaced.node_id AND bundle_releases.bundle_id = proven.id)
        """;

    private const string FailedOrders =
        """
        WITH failed AS (
            UPDATE replacements replaced
            SET state = 'Failed', reason = coalesce(orders.reason, $2), detail = orders.reason_detail,
                attempts = replaced.attempts + 1,
                next_attempt_at = $1 + make_interval(mins => ($3::int[])[least(replaced.attempts + 1, cardinality($3))])
            FROM orders
            WHERE orders.id = replaced.order_id AND replaced.state = 'Ordered'
              AND orders.state IN ('Failed', 'Canceled')
            RETURNING replaced.node_id, orders.hostname, orders.reason_detail
        )
        INSERT INTO events (at, node_id, type, message)
        SELECT $1, node_id, $4,
               count(*) || ' replacements failed and are tried again later; the first: ' || min(hostname) || '.'
        FROM failed GROUP BY node_id
        """;

    /// <summary>Its order was overtaken by another one before it was proven: which one is looked for anew.</summary>
    private const string Overtaken =
        """
        UPDATE replacements replaced SET state = 'Waiting', order_id = NULL
        FROM orders WHERE orders.id = replaced.order_id AND replaced.state = 'Ordered' AND orders.state = 'Superseded'
        """;

    private const string Finished =
        """
        WITH finished AS (
            UPDATE node_bans SET rekey_finished_at = $1
            WHERE rekey_asked_at IS NOT NULL AND rekey_finished_at IS NULL AND NOT rekey_owed
              AND NOT EXISTS (
                  SELECT 1 FROM replacements
                  WHERE replacements.node_id = node_bans.node_id AND replacements.settled_at IS NULL)
            RETURNING node_id
        )
        INSERT INTO events (at, node_id, type, message)
        SELECT $1, node_id, $2,
               'Nothing the node could read is in use any more: '
               || (SELECT count(*) FROM replacements
                   WHERE replacements.node_id = finished.node_id AND state = 'Replaced') || ' bundles replaced.'
        FROM finished
        """;

    /// <summary>Within the caller's transaction. False when no rekey is under way.</summary>
    public static async Task<bool> RunAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken ct)
    {
        await using var turn = new NpgsqlCommand(
            """
            WITH locked AS (
                SELECT node_id FROM node_bans WHERE rekey_asked_at IS NOT NULL AND rekey_finished_at IS NULL
                ORDER BY node_id FOR UPDATE)
            SELECT count(*) FROM locked
            """,
            connection);
        if (await turn.ExecuteScalarAsync(ct) is 0L)
        {
            return false;
        }

        await ExecuteAsync(GoneDomains, now, Reasons.DomainDeleted.Code, Reasons.OwnershipLost.Code);
        await ExecuteAsync(Proven, now);
        await ExecuteAsync(FailedOrders, now, Reasons.Surprise.Code, RetryMinutes, EventTypes.RekeyFailed);
        await ExecuteAsync(Overtaken);
        await ExecuteAsync(Finished, now, EventTypes.RekeyFinished);
        return true;

        async Task ExecuteAsync(string sql, params object[] parameters)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            foreach (var value in parameters)
            {
                command.Parameters.Add(new() { Value = value });
            }

            await command.ExecuteNonQueryAsync(ct);
        }
    }
}
