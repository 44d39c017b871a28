using ControlPlane.Database;
using ControlPlane.Jobs;
using Npgsql;

namespace ControlPlane.Nodes.Observing;

/// <summary>
/// Marks serving nodes that have answered for every active domain of their fleet (<see cref="Node.ShowsAll"/>), so that
/// a list of degraded domains looks for missing answers of the others only. A mark stays true, and is not looked at
/// again:
/// <list type="bullet">
/// <item>a domain becomes active with the proof, hence the row, of every node that serves; which nodes do is read under
/// <see cref="FleetLock"/>, and no domain changes its fleet;</item>
/// <item>a node that comes to serve begins without the mark, in the transaction that makes it serve;</item>
/// <item>an epoch that is raised forgets rows and marks in one transaction, the nodes locked;</item>
/// <item>tombstones that are no longer listed take rows of names with them that are not active, and that need a new
/// proof before they are.</item>
/// </list>
/// Two sweeps at once do no harm.
/// </summary>
internal sealed class CompleteNodes(NpgsqlDataSource database) : ISweep
{
    private const string Sql =
        """
        UPDATE nodes SET shows_all = true
        WHERE id = $1 AND standing = 'Serving' AND NOT EXISTS (
            SELECT 1 FROM domains WHERE fleet_id = nodes.fleet_id AND status = 'Active' AND NOT EXISTS (
                SELECT 1 FROM node_observations WHERE node_id = nodes.id AND domain_id = domains.id))
        """;

    public async Task RunAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        foreach (var node in await UnmarkedAsync(connection, ct))
        {
            // One transaction, and a snapshot for each statement: what the second sees holds until its commit, because
            // activations, reports and epochs wait for the node's row. For a fleet of 30,000: a fifth of a second.
            await using var batch = new NpgsqlBatch(connection)
            {
                BatchCommands =
                {
                    SqlCommands.BatchCommand("SELECT 1 FROM nodes WHERE id = $1 FOR NO KEY UPDATE", node),
                    SqlCommands.BatchCommand(Sql, node),
                },
            };
            await batch.ExecuteNonQueryAsync(ct);
        }
    }

    private static async Task<List<Guid>> UnmarkedAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = connection.Command(
            "SELECT id FROM nodes WHERE standing = 'Serving' AND NOT shows_all ORDER BY id");
        await using var reader = await command.ExecuteReaderAsync(ct);
        var nodes = new List<Guid>();
        while (await reader.ReadAsync(ct))
        {
            nodes.Add(reader.GetGuid(0));
        }

        return nodes;
    }
}
