using Npgsql;

namespace ControlPlane.Nodes.Epochs;

/// <summary>
/// Marks orders that this database thinks were never placed. It may be wrong: it may have been set back to a moment
/// before, and nobody can know at a start, because a file-level copy looks like the original until the first node shows
/// what it holds. So every start marks them, too; it costs one free call for each when its turn comes.
/// </summary>
internal static class DoubtedOrders
{
    public static async Task MarkAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            WITH doubted AS MATERIALIZED (
                SELECT id FROM orders WHERE state IN ('PendingDns', 'PendingOrder') AND submitted_at IS NULL
                ORDER BY id FOR NO KEY UPDATE
            )
            UPDATE orders SET doubted_at = $1 FROM doubted WHERE orders.id = doubted.id
            """,
            connection)
        {
            Parameters = { new() { Value = now } },
        };
        await command.ExecuteNonQueryAsync(ct);
    }
}
