using Npgsql;

namespace ControlPlane.Nodes.Publishing;

/// <summary>What one batch published.</summary>
/// <param name="Fleet">The fleet.</param>
/// <param name="Epoch">The fleet's epoch.</param>
/// <param name="Revision">The revision the whole batch shares.</param>
/// <param name="Changes">Changes taken; those a later order had overtaken are among them and published nothing.</param>
internal sealed record PublishedBatch(Guid Fleet, long Epoch, long Revision, long Changes);

/// <summary>
/// Moves a fleet's waiting changes into desired state under one new revision. No reader can skip a late commit:
/// <list type="bullet">
/// <item>Publishers take turns at the fleet's row, which is locked until the commit: the one with the lower revision
/// has committed before the next one is given. NO KEY, because a plain FOR UPDATE would stop every step that inserts a
/// change (its foreign key locks the same row).</item>
/// <item>The batch is a statement of its own after that lock, so that under READ COMMITTED its snapshot holds all that
/// the publisher before it did.</item>
/// <item>It deletes exactly the rows it publishes, by the lock it holds on each. A change committed after the snapshot
/// is not among them, stays in the table and is the next batch's. One whose transaction is still open is passed over
/// instead of waited for (SKIP LOCKED): a stuck step must not stop its fleet.</item>
/// </list>
/// </summary>
internal static class PublishBatch
{
    /// <summary>The later order wins; of one order the withdrawal wins over the bundle it withdraws; a repeat of what
    /// is there is not news.</summary>
    private const string Sql =
        """
        WITH waiting AS MATERIALIZED (
            SELECT domain_id FROM desired_changes WHERE fleet_id = $1 FOR UPDATE SKIP LOCKED
        ), bumped AS (
            UPDATE fleets SET revision = revision + 1
            WHERE id = $1 AND EXISTS (SELECT 1 FROM waiting)
            RETURNING epoch, revision
        ), taken AS (
            DELETE FROM desired_changes change USING waiting WHERE change.domain_id = waiting.domain_id
            RETURNING change.fleet_id, change.domain_id, change.hostname, change.bundle_id, change.order_sequence,
                      change.changed_at, change.approval
        ), published AS (
            INSERT INTO desired_state AS present
                (fleet_id, domain_id, hostname, bundle_id, order_sequence, revision, changed_at, approval, published_at)
            SELECT taken.fleet_id, taken.domain_id, taken.hostname, taken.bundle_id, taken.order_sequence,
                   bumped.revision, taken.changed_at, taken.approval, $3
            FROM taken CROSS JOIN bumped
            ON CONFLICT (fleet_id, domain_id) DO UPDATE
            SET hostname = excluded.hostname, bundle_id = excluded.bundle_id, order_sequence = excluded.order_sequence,
                revision = excluded.revision, changed_at = excluded.changed_at, approval = excluded.approval,
                published_at = excluded.published_at
            WHERE (excluded.order_sequence > present.order_sequence
                   OR (excluded.order_sequence = present.order_sequence AND present.bundle_id IS NOT NULL))
              AND excluded.bundle_id IS DISTINCT FROM present.bundle_id
        )
        SELECT bumped.epoch, bumped.revision, (SELECT count(*) FROM taken),
               pg_notify($2, $1::text || ':' || bumped.epoch || ':' || bumped.revision)::text
        FROM bumped
        """;

    /// <summary>Publishes within a transaction the caller has open and commits; null when nothing waited.</summary>
    public static async Task<PublishedBatch?> TakeAsync(
        NpgsqlConnection connection, Guid fleet, DateTimeOffset now, CancellationToken ct)
    {
        await TurnAsync(connection, fleet, ct);
        await using var batch = new NpgsqlCommand(Sql, connection)
        {
            Parameters =
            {
                new() { Value = fleet },
                new() { Value = Channels.DesiredState },
                new() { Value = now },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new PublishedBatch(fleet, reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2))
            : null;
    }

    /// <summary>Publishes what waits, of every fleet, each in a transaction of its own.</summary>
    public static async Task<IReadOnlyList<PublishedBatch>> RunAsync(
        NpgsqlDataSource database, TimeProvider time, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        var published = new List<PublishedBatch>();
        foreach (var fleet in await WaitingFleetsAsync(connection, ct))
        {
            await using var transaction = await connection.BeginTransactionAsync(ct);
            var batch = await TakeAsync(connection, fleet, time.GetUtcNow(), ct);
            await transaction.CommitAsync(ct);
            if (batch is not null)
            {
                published.Add(batch);
            }
        }

        return published;
    }

    /// <summary>Waits until nobody else changes the fleet's desired state, and keeps the others out until the
    /// caller's transaction ends.</summary>
    public static async Task TurnAsync(NpgsqlConnection connection, Guid fleet, CancellationToken ct)
    {
        await using var turn = new NpgsqlCommand("SELECT 1 FROM fleets WHERE id = $1 FOR NO KEY UPDATE", connection)
        {
            Parameters = { new() { Value = fleet } },
        };
        await turn.ExecuteNonQueryAsync(ct);
    }

    private static async Task<List<Guid>> WaitingFleetsAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT DISTINCT fleet_id FROM desired_changes", connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var fleets = new List<Guid>();
        while (await reader.ReadAsync(ct))
        {
            fleets.Add(reader.GetGuid(0));
        }

        return fleets;
    }
}
