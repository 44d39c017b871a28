using ControlPlane.Domains;
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
/// collected for a week. It is believed once, and again within <see cref="RaiseEpoch.Pause"/> only when a second node
/// is ahead as well or the database has been moved since; and never for an epoch that no fleet reaches.
/// </summary>
internal sealed partial class NodeAhead(
    NpgsqlDataSource database, RaiseEpoch raise, TimeProvider time, ILogger<NodeAhead> log)
{
    /// <summary>Epochs count restores: nobody has made a thousand since this database's backup.</summary>
    private const long MostEpochsAhead = 1000;

    /// <summary>How often it is told that a node is not believed.</summary>
    private static readonly TimeSpan TellAgain = TimeSpan.FromDays(1);

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
        // A second restore within the week: until it is believed, agents refuse the old answers and serve on.
        await using var command = new NpgsqlCommand(
            """
            SELECT (fleet.epoch, fleet.revision) < ($2, $3),
                   last.at IS NULL
                   OR EXISTS (
                       SELECT 1 FROM epoch_bumps WHERE fleet_id = $1 AND cause <> 'NodeAhead' AND at > last.at)
                   OR EXISTS (
                       SELECT 1 FROM nodes WHERE fleet_id = $1 AND id <> $4 AND standing <> 'Retired'
                         AND banned_at IS NULL AND (nodes.epoch, nodes.revision) > (fleet.epoch, fleet.revision))
            FROM fleets fleet CROSS JOIN (
                SELECT max(at) AS at FROM epoch_bumps WHERE fleet_id = $1 AND node_id = $4 AND at > $5) last
            WHERE fleet.id = $1
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = node.Fleet },
                new() { Value = epoch },
                new() { Value = revision },
                new() { Value = node.Id },
                new() { Value = time.GetUtcNow() - RaiseEpoch.Pause },
            },
        };
        var (above, believed) = (false, false);
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            await reader.ReadAsync(ct);
            (above, believed) = (reader.GetBoolean(0), reader.GetBoolean(1));
        }

        if (above && !believed)
        {
            await TellDoubtAsync(connection, node, epoch, revision, ct);
        }

        return above && believed ? [new FleetToRaise(node.Fleet, epoch, node.Id)] : [];
    }

    private async Task TellDoubtAsync(
        NpgsqlConnection connection, NodeIdentity node, long epoch, long revision, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO events (at, node_id, type, message) SELECT $1, $2, $3, $4
            WHERE NOT EXISTS (SELECT 1 FROM events WHERE node_id = $2 AND type = $3 AND at > $5)
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = now },
                new() { Value = node.Id },
                new() { Value = EventTypes.NodeDoubted },
                new()
                {
                    Value = $"Node {node.Name} claims epoch {epoch}, revision {revision}, a week or less after an "
                        + "epoch was raised on its word, and no other node says so: not believed. If there was no "
                        + "second restore, the node lies: ban it.",
                },
                new() { Value = now - TellAgain },
            },
        };
        if (await command.ExecuteNonQueryAsync(ct) > 0)
        {
            LogDoubted(node.Name, epoch, revision);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "ALARM: node {Node} claims epoch {Epoch}, revision {Revision} again, alone: not believed")]
    private partial void LogDoubted(string node, long epoch, long revision);

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "ALARM: node {Node} shows epoch {Epoch}, and we are at {Known}: made up, and not believed")]
    private partial void LogUnbelievable(string node, long epoch, long known);
}
