using ControlPlane.Domains;
using Npgsql;

namespace ControlPlane.Nodes.Banning;

/// <summary>
/// Records which bundles a ban asks to be replaced. In a transaction after the ban's own: it reads everything the node
/// was ever given, and whatever goes wrong with that must not let the node back in. The ban has left the word that it
/// is owed, and <see cref="RekeySweep"/> comes back to it until it is done, whoever was killed in between.
/// </summary>
internal static partial class RekeyRecord
{
    /// <summary>Bans whose record is owed.</summary>
    public static async Task<IReadOnlyList<Guid>> OwedAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "SELECT node_id FROM node_bans WHERE rekey_owed ORDER BY node_id");
        await using var reader = await command.ExecuteReaderAsync(ct);
        var owed = new List<Guid>();
        while (await reader.ReadAsync(ct))
        {
            owed.Add(reader.GetGuid(0));
        }

        return owed;
    }

    /// <summary>Records it; a fault is logged, and it stays owed.</summary>
    public static async Task TryAsync(
        NpgsqlDataSource database, Guid node, DateTimeOffset now, ILogger log, CancellationToken ct)
    {
        try
        {
            await RunAsync(database, node, now, ct);
        }
        catch (NpgsqlException fault)
        {
            LogOwed(log, fault, node);
        }
    }

    private static async Task RunAsync(NpgsqlDataSource database, Guid node, DateTimeOffset now, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        // One at a time, and not while the sweep reads off what is finished.
        await using var turn = new NpgsqlCommand(
            """
            SELECT nodes.name FROM node_bans JOIN nodes ON nodes.id = node_bans.node_id
            WHERE node_id = $1 AND rekey_owed FOR UPDATE OF node_bans
            """,
            connection)
        {
            Parameters = { new() { Value = node } },
        };
        if (await turn.ExecuteScalarAsync(ct) is not string name)
        {
            return;
        }

        var added = await ExposedBundles.RecordAsync(connection, node, now, ct);
        await ExposedBundles.RevokeAsync(connection, node, now, ct);
        var retried = await ExposedBundles.RetryFailedAsync(connection, node, ct);
        await using var done = new NpgsqlCommand(
            """
            UPDATE node_bans SET rekey_owed = false,
                rekey_finished_at = CASE WHEN $2 THEN NULL ELSE rekey_finished_at END
            WHERE node_id = $1
            RETURNING NOT EXISTS (SELECT 1 FROM events WHERE events.node_id = $1 AND type = $3)
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = node },
                new() { Value = added > 0 },
                new() { Value = EventTypes.RekeyAsked },
            },
        };
        var isFirst = await done.ExecuteScalarAsync(ct) is true;
        if (isFirst || added + retried > 0)
        {
            var again = retried > 0 ? $", {retried} failed ones are tried again" : "";
            await NodeEvents.TellAsync(
                connection, node, EventTypes.RekeyAsked,
                $"To be replaced: {added} bundles in use that node {name} could read{again}.", now, ct);
        }

        await transaction.CommitAsync(ct);
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Node {Node} is banned, and which bundles must be replaced could not be recorded; again in a moment")]
    private static partial void LogOwed(ILogger log, Exception fault, Guid node);
}
