using ControlPlane.Jobs;
using Npgsql;

namespace ControlPlane.Nodes.Epochs;

/// <summary>
/// Compares the cluster and timeline the rows live in with those they lived in before, at the start, before any job
/// runs, and on a schedule: a standby may be promoted under a running program. Both are readable without privilege
/// (PostgreSQL 15 §9.27.10).
/// </summary>
internal sealed class DatabaseLineage(NpgsqlDataSource database, RaiseEpoch raise, TimeProvider time)
    : IHostedService, ISweep
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using (var newest = new NpgsqlCommand("SELECT max(at) FROM events", connection))
        {
            raise.RememberedAtStart = await newest.ExecuteScalarAsync(cancellationToken) is DateTime at
                ? new DateTimeOffset(at)
                : null;
        }

        await RunAsync(cancellationToken);
        await DoubtedOrders.MarkAsync(connection, time.GetUtcNow(), cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task RunAsync(CancellationToken ct)
    {
        var (found, before) = await ReadAsync(ct);
        if (before == found)
        {
            return;
        }

        var isOther = before is not null && before.SystemIdentifier != found.SystemIdentifier;
        await raise.RunAsync(
            isOther ? EpochCause.OtherCluster : EpochCause.OtherTimeline,
            isOther
                ? $"The database lives in cluster {found.SystemIdentifier}, before in {before!.SystemIdentifier}."
                : $"The database is on timeline {found.Timeline}; before it was on {before?.Timeline}.",
            (connection, cancel) => DecideAsync(connection, found, cancel), ct);
    }

    /// <summary>Writes the lineage down; what it was before decides. A database that never knew its lineage is a new
    /// one.</summary>
    private async Task<IReadOnlyList<FleetToRaise>> DecideAsync(
        NpgsqlConnection connection, Lineage found, CancellationToken ct)
    {
        await using var write = new NpgsqlCommand(
            """
            WITH before AS (SELECT system_identifier, timeline FROM database_lineage)
            INSERT INTO database_lineage (system_identifier, timeline, seen_at) VALUES ($1, $2, $3)
            ON CONFLICT (only_row) DO UPDATE SET system_identifier = $1, timeline = $2, seen_at = $3
            RETURNING EXISTS (SELECT 1 FROM before WHERE (system_identifier, timeline) <> ($1, $2))
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = found.SystemIdentifier },
                new() { Value = found.Timeline },
                new() { Value = time.GetUtcNow() },
            },
        };
        if (await write.ExecuteScalarAsync(ct) is not true)
        {
            return [];
        }

        await using var read = new NpgsqlCommand("SELECT id, epoch FROM fleets", connection);
        await using var reader = await read.ExecuteReaderAsync(ct);
        var fleets = new List<FleetToRaise>();
        while (await reader.ReadAsync(ct))
        {
            fleets.Add(new FleetToRaise(reader.GetGuid(0), reader.GetInt64(1)));
        }

        return fleets;
    }

    private async Task<(Lineage Found, Lineage? Before)> ReadAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT now.system_identifier, point.timeline_id, before.system_identifier, before.timeline
            FROM pg_control_system() now CROSS JOIN pg_control_checkpoint() point
            LEFT JOIN database_lineage before ON true
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (
            new Lineage(reader.GetInt64(0), reader.GetInt32(1)),
            reader.IsDBNull(2) ? null : new Lineage(reader.GetInt64(2), reader.GetInt32(3)));
    }

    /// <param name="SystemIdentifier">Given to a cluster when it is made.</param>
    /// <param name="Timeline">Counts its recoveries and promotions.</param>
    private sealed record Lineage(long SystemIdentifier, int Timeline);
}
