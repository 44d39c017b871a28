using ControlPlane.Nodes.Access;
using Npgsql;

namespace ControlPlane.Nodes.Epochs;

/// <summary>What a position that a node shows says about this database.</summary>
internal enum ShownPosition
{
    /// <summary>One that this database gave out.</summary>
    Known,

    /// <summary>Above ours: the database was set back, and the epoch was raised (now, or by somebody else).</summary>
    Ahead,

    /// <summary>So far above that no fleet gets there: made up.</summary>
    Unbelievable,
}

/// <summary>
/// A node that has accepted an answer above our own position is the only witness of a file-level copy put back in
/// place. A stolen node can lie, too: what it gains is that everything is listed and proven anew, and that nothing is
/// collected for a week; it is believed once in <see cref="Patience"/>, and never for an epoch that no fleet reaches.
/// </summary>
internal sealed partial class NodeAhead(
    NpgsqlDataSource database, RaiseEpoch raise, TimeProvider time, ILogger<NodeAhead> log)
{
    /// <summary>Epochs count restores: nobody has made a thousand since this database's backup.</summary>
    private const long MostEpochsAhead = 1000;

    /// <summary>After two restores in a row another node's word, or the next one of this node, is soon enough: until
    /// then agents refuse the old answers and serve on.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public async Task<ShownPosition> LookAsync(NodeIdentity node, long epoch, long revision, CancellationToken ct)
    {
        var (known, above) = await ReadAsync(node.Fleet, epoch, revision, ct);
        if (!above)
        {
            return ShownPosition.Known;
        }

        if (epoch > known + MostEpochsAhead)
        {
            LogUnbelievable(node.Name, epoch, known);
            return ShownPosition.Unbelievable;
        }

        await raise.RunAsync(
            EpochCause.NodeAhead,
            $"Node {node.Name} has accepted epoch {epoch}, revision {revision}, which this database does not remember: "
            + "it was set back to an older moment.",
            (connection, cancel) => DecideAsync(connection, node, epoch, revision, cancel), ct);
        return ShownPosition.Ahead;
    }

    private async Task<(long Epoch, bool Above)> ReadAsync(
        Guid fleet, long epoch, long revision, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "SELECT epoch, (epoch, revision) < ($2, $3) FROM fleets WHERE id = $1");
        command.Parameters.Add(new() { Value = fleet });
        command.Parameters.Add(new() { Value = epoch });
        command.Parameters.Add(new() { Value = revision });
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (reader.GetInt64(0), reader.GetBoolean(1));
    }

    private async Task<IReadOnlyList<FleetToRaise>> DecideAsync(
        NpgsqlConnection connection, NodeIdentity node, long epoch, long revision, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT (epoch, revision) < ($2, $3) AND NOT EXISTS (
                SELECT 1 FROM epoch_bumps WHERE fleet_id = $1 AND node_id = $4 AND at > $5)
            FROM fleets WHERE id = $1
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = node.Fleet },
                new() { Value = epoch },
                new() { Value = revision },
                new() { Value = node.Id },
                new() { Value = time.GetUtcNow() - Patience },
            },
        };
        return await command.ExecuteScalarAsync(ct) is true ? [new FleetToRaise(node.Fleet, epoch, node.Id)] : [];
    }

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "ALARM: node {Node} shows epoch {Epoch}, and we are at {Known}: made up, and not believed")]
    private partial void LogUnbelievable(string node, long epoch, long known);
}
