using ControlPlane.Database;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Nodes.Publishing;

/// <summary>
/// Takes tombstones out of desired state once they are older than <see cref="NodeOptions.KeepTombstones"/>, so that a
/// full list does not grow with all that was ever withdrawn. A cursor that has not passed the newest of them gets 410.
/// What they said is kept aside; see <see cref="PastWithdrawals"/>. What nodes answered goes with them. Two sweeps at
/// once do no harm.
/// </summary>
internal sealed partial class TombstoneSweep(
    NpgsqlDataSource database,
    IDbContextFactory<ControlPlaneDb> databases,
    CollectionPause pause,
    IOptions<NodeOptions> options,
    TimeProvider time,
    ILogger<TombstoneSweep> log) : ISweep
{
    /// <summary>The fleet's row is locked for a batch, and publishing waits: some tens of milliseconds.</summary>
    private const int Batch = 1000;

    /// <summary>A withdrawal that an order still waits for stays: its proof reads the tombstone.</summary>
    private const string Sql =
        """
        WITH old AS (
            SELECT domain_id FROM desired_state state
            WHERE fleet_id = $1 AND bundle_id IS NULL AND published_at < $2
              AND NOT EXISTS (SELECT 1 FROM orders WHERE orders.domain_id = state.domain_id AND closed_at IS NULL)
            ORDER BY published_at LIMIT $3
        ), gone AS (
            DELETE FROM desired_state state USING old
            WHERE state.fleet_id = $1 AND state.domain_id = old.domain_id AND state.bundle_id IS NULL
            RETURNING state.*
        ), kept AS (
            INSERT INTO past_withdrawals (fleet_id, domain_id, hostname, order_sequence, changed_at, approval)
            SELECT fleet_id, domain_id, hostname, order_sequence, changed_at, approval FROM gone
            ON CONFLICT (fleet_id, domain_id) DO NOTHING
        ), unseen AS (
            DELETE FROM node_observations seen USING gone, nodes
            WHERE seen.domain_id = gone.domain_id AND nodes.id = seen.node_id AND nodes.fleet_id = $1
        ), moved AS (
            UPDATE fleets SET kept_from = greatest(kept_from, (SELECT max(revision) FROM gone))
            WHERE id = $1 AND EXISTS (SELECT 1 FROM gone)
        )
        SELECT count(*) FROM gone
        """;

    public async Task RunAsync(CancellationToken ct)
    {
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            if (await pause.IsOnAsync(db, ct))
            {
                return;
            }
        }

        var oldest = time.GetUtcNow() - options.Value.KeepTombstones;
        await using var connection = await database.OpenConnectionAsync(ct);
        foreach (var fleet in await FleetsAsync(connection, oldest, ct))
        {
            long taken, all = 0;
            do
            {
                taken = await TakeAsync(connection, fleet, oldest, ct);
                all += taken;
            }
            while (taken == Batch);
            if (all > 0)
            {
                LogTaken(all, fleet, options.Value.KeepTombstones);
            }
        }
    }

    private static async Task<long> TakeAsync(
        NpgsqlConnection connection, Guid fleet, DateTimeOffset oldest, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await PublishBatch.TurnAsync(connection, fleet, ct);
        await using var command = new NpgsqlCommand(Sql, connection)
        {
            Parameters = { new() { Value = fleet }, new() { Value = oldest }, new() { Value = Batch } },
        };
        var taken = (long)(await command.ExecuteScalarAsync(ct))!;
        await transaction.CommitAsync(ct);
        return taken;
    }

    private static async Task<List<Guid>> FleetsAsync(
        NpgsqlConnection connection, DateTimeOffset oldest, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT id FROM fleets WHERE EXISTS (
                SELECT 1 FROM desired_state WHERE fleet_id = fleets.id AND bundle_id IS NULL AND published_at < $1)
            """,
            connection)
        {
            Parameters = { new() { Value = oldest } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        var fleets = new List<Guid>();
        while (await reader.ReadAsync(ct))
        {
            fleets.Add(reader.GetGuid(0));
        }

        return fleets;
    }

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "{Count} tombstones of fleet {Fleet} are older than {Age} and no longer listed")]
    private partial void LogTaken(long count, Guid fleet, TimeSpan age);
}
