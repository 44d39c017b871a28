using ControlPlane.Database;
using ControlPlane.Domains;
using Npgsql;

namespace ControlPlane.Nodes;

/// <summary>
/// Makes orders due that wait for what nodes just said. Within the caller's transaction, after its nodes are written;
/// the rows are locked in the order of their ids, so that the reports of two nodes about the same domains never wait
/// for each other. The count of nudges rises, too: a step that holds the lease and is about to wait sees that there was
/// news, and looks again.
/// </summary>
internal static class DueOrders
{
    /// <summary>Of these domains the orders that wait for their proof, where this transaction wrote what the node
    /// shows: what it said before, or of another fleet's domains, is no news. See <see cref="ReadAsync"/>.</summary>
    public static NpgsqlBatchCommand OfNews(Guid node, Guid[] domains, DateTimeOffset now) => SqlCommands.BatchCommand(
        """
        WITH due AS MATERIALIZED (
            SELECT orders.id
            FROM orders
            JOIN node_observations seen ON seen.node_id = $3 AND seen.domain_id = orders.domain_id
                AND seen.xmin = pg_current_xact_id()::xid
            WHERE orders.domain_id = ANY ($1) AND orders.state IN ('PendingDeployment', 'Canceling')
            ORDER BY orders.id FOR NO KEY UPDATE OF orders
        )
        UPDATE orders SET nudges = nudges + 1, next_attempt_at = least(next_attempt_at, $2) FROM due
        WHERE orders.id = due.id RETURNING state
        """,
        domains, now, node);

    /// <summary>Orders of a fleet whose nodes changed standing. Of those being validated only the ones that wait for
    /// nodes: to look early at one that waits for the CA would cost a call.</summary>
    public static async Task<HashSet<OrderState>> OfFleetAsync(
        NpgsqlConnection connection, Guid fleet, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = connection.Command(
            """
            WITH due AS MATERIALIZED (
                SELECT orders.id FROM orders JOIN domains ON domains.id = orders.domain_id
                WHERE domains.fleet_id = $1
                  AND (orders.state IN ('PendingDeployment', 'Canceling')
                       OR (orders.state = 'PendingValidation'
                           AND orders.reason IN ('no-serving-node', 'node-token-not-seen')))
                ORDER BY orders.id FOR NO KEY UPDATE OF orders
            )
            UPDATE orders SET nudges = nudges + 1, next_attempt_at = least(next_attempt_at, $2) FROM due
            WHERE orders.id = due.id RETURNING state
            """,
            fleet, now);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await ReadAsync(reader, ct);
    }

    /// <summary>The states to wake after the commit, from a statement that made orders due.</summary>
    public static async Task<HashSet<OrderState>> ReadAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        var states = new HashSet<OrderState>();
        while (await reader.ReadAsync(ct))
        {
            states.Add(Enum.Parse<OrderState>(reader.GetString(0)));
        }

        return states;
    }
}
