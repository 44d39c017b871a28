using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Metrics;
using ControlPlane.Nodes.Publishing;
using Npgsql;

namespace ControlPlane.Nodes.Epochs;

/// <summary>A fleet whose history begins anew.</summary>
/// <param name="Fleet">The fleet.</param>
/// <param name="Above">The highest epoch anybody has shown: the new one is above it.</param>
/// <param name="Node">Who has shown it.</param>
internal sealed record FleetToRaise(Guid Fleet, long Above, Guid? Node = null);

/// <summary>
/// Begins a new life of a fleet's history, after the database was set back. One transaction, one replica at a time; who
/// comes second decides anew and finds nothing to do. With it:
/// <list type="bullet">
/// <item>agents get 410 and list everything again; what nodes were found to hold is forgotten, because it was said in
/// another life and no proof may stand on it;</item>
/// <item>nothing is collected for <see cref="Pause"/>, see <see cref="CollectionPause"/>;</item>
/// <item>orders that may have been placed in the forgotten time are looked up before they are bought;</item>
/// <item>the numbers of orders and events jump ahead, so that none that was given out in the forgotten time is given
/// out again: a token's file is named by one, and a portal's cursor is the other.</item>
/// </list>
/// </summary>
internal sealed partial class RaiseEpoch(NpgsqlDataSource database, TimeProvider time, ILogger<RaiseEpoch> log)
{
    /// <summary>A week: a restore on a Friday is understood by the next one.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromDays(7);

    /// <summary>"Epoc" in ASCII: any number will do, if it is always the same.</summary>
    private const long Turn = 0x45706F63;

    /// <summary>More than anybody orders between a backup and its restore.</summary>
    private const long Jump = 1_000_000;

    private const string Sql =
        """
        WITH raised AS (
            UPDATE fleets SET epoch = greatest(
                epoch, $2, (SELECT coalesce(max(nodes.epoch), 0) FROM nodes WHERE nodes.fleet_id = $1)) + 1
            WHERE id = $1 RETURNING name, epoch
        ), told AS (
            INSERT INTO events (at, type, message)
            SELECT $5, $7, 'Fleet ' || name || ' begins epoch ' || epoch || ': ' || $4 || ' Nothing is collected until '
                || to_char($6 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') || '.' FROM raised
        )
        INSERT INTO epoch_bumps
            (fleet_id, from_epoch, to_epoch, cause, node_id, detail, at, database_ends_at, collect_after)
        SELECT $1, before.epoch, raised.epoch, $3, $8, $4, $5,
               coalesce($10, (SELECT max(events.at) FROM events), $5), $6
        FROM raised, fleets before WHERE before.id = $1
        RETURNING to_epoch, pg_notify($9, $1::text || ':' || to_epoch || ':0')::text
        """;

    /// <summary>The newest event when this program started: what jobs have written since is not what the database
    /// remembered.</summary>
    public DateTimeOffset? RememberedAtStart { get; set; }

    /// <param name="cause">Why.</param>
    /// <param name="detail">A sentence for a person.</param>
    /// <param name="decide">Asked within the transaction and in turn with all other replicas.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <returns>The fleets whose epoch was raised.</returns>
    public async Task<int> RunAsync(
        EpochCause cause, string detail,
        Func<NpgsqlConnection, CancellationToken, Task<IReadOnlyList<FleetToRaise>>> decide, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await ExecuteAsync(connection, "SELECT pg_advisory_xact_lock($1)", ct, Turn);
        var fleets = await decide(connection, ct);
        foreach (var fleet in fleets.OrderBy(fleet => fleet.Fleet))
        {
            await ForgetWhatNodesSaidAsync(connection, fleet.Fleet, ct);
        }

        if (fleets.Count > 0)
        {
            await DoubtedOrders.MarkAsync(connection, time.GetUtcNow(), ct);
            foreach (var (table, column) in RunningRole.Jumping)
            {
                await JumpAsync(connection, table, column, ct);
            }
        }

        foreach (var fleet in fleets.OrderBy(fleet => fleet.Fleet))
        {
            LogRaised(fleet.Fleet, await RaiseAsync(connection, fleet, cause, detail, ct), detail);
        }

        await transaction.CommitAsync(ct);
        Instruments.EpochRaised(cause.ToString(), fleets.Count);
        return fleets.Count;
    }

    /// <summary>Nodes first, as every report does.</summary>
    private static async Task ForgetWhatNodesSaidAsync(NpgsqlConnection connection, Guid fleet, CancellationToken ct)
    {
        await ExecuteAsync(
            connection, "SELECT 1 FROM nodes WHERE fleet_id = $1 ORDER BY id FOR NO KEY UPDATE", ct, fleet);
        await ExecuteAsync(connection, "UPDATE nodes SET shows_all = false WHERE fleet_id = $1", ct, fleet);
        await ExecuteAsync(
            connection, "DELETE FROM node_observations USING nodes WHERE node_id = nodes.id AND fleet_id = $1", ct,
            fleet);
        await ExecuteAsync(
            connection, "DELETE FROM node_strays USING nodes WHERE node_id = nodes.id AND fleet_id = $1", ct, fleet);
    }

    private static Task JumpAsync(NpgsqlConnection connection, string table, string column, CancellationToken ct) =>
        ExecuteAsync(
            connection,
            "SELECT setval(made::regclass, nextval(made::regclass) + $3) FROM pg_get_serial_sequence($1, $2) AS made",
            ct, table, column, Jump);

    private async Task<long> RaiseAsync(
        NpgsqlConnection connection, FleetToRaise fleet, EpochCause cause, string detail, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await using var command = new NpgsqlCommand(Sql, connection)
        {
            Parameters =
            {
                new() { Value = fleet.Fleet },
                new() { Value = fleet.Above },
                new() { Value = cause.ToString() },
                new() { Value = detail },
                new() { Value = now },
                new() { Value = now + Pause },
                new() { Value = EventTypes.EpochRaised },
                new NpgsqlParameter<Guid?> { TypedValue = fleet.Node },
                new() { Value = Channels.DesiredState },
                new NpgsqlParameter<DateTimeOffset?> { TypedValue = RememberedAtStart },
            },
        };
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task ExecuteAsync(
        NpgsqlConnection connection, string sql, CancellationToken ct, params object[] values)
    {
        await using var command = connection.Command(sql, values);
        await command.ExecuteNonQueryAsync(ct);
    }

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "ALARM: fleet {Fleet} begins epoch {Epoch}. {Why} Nothing is collected for a week; see the README's "
            + "'After a restore'")]
    private partial void LogRaised(Guid fleet, long epoch, string why);
}
