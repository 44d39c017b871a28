using ControlPlane.Nodes.Fleets;
using ControlPlane.Nodes.Withdrawals;
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
    /// is there is not news, but the same bundle under another lowest TLS is. A name that passes from one domain to
    /// another does so in one revision, or waits for the next batch: a node that read the new owner's bundle first
    /// would take the former owner's withdrawal for it.</summary>
    private const string Sql =
        """
        WITH free AS MATERIALIZED (
            SELECT domain_id, hostname FROM desired_changes
            WHERE fleet_id = $1 AND (bundle_id IS NOT NULL OR approval IS NOT NULL OR domain_id = ANY ($4))
            FOR UPDATE SKIP LOCKED
        ), behind AS MATERIALIZED (
            SELECT domain_id, hostname FROM desired_changes WHERE fleet_id = $1
            EXCEPT SELECT domain_id, hostname FROM free
        ), waiting AS MATERIALIZED (
            SELECT domain_id FROM free
            WHERE NOT EXISTS (SELECT 1 FROM behind WHERE behind.hostname = free.hostname)
        ), bumped AS (
            UPDATE fleets SET revision = revision + 1,
                released_revision = CASE WHEN canaries = 0 AND rollout = 'Running' THEN revision + 1
                                         ELSE released_revision END
            WHERE id = $1 AND EXISTS (SELECT 1 FROM waiting)
            RETURNING epoch, revision, released_revision
        ), taken AS (
            DELETE FROM desired_changes change USING waiting WHERE change.domain_id = waiting.domain_id
            RETURNING change.fleet_id, change.domain_id, change.hostname, change.bundle_id, change.order_sequence,
                      change.changed_at, change.approval, change.tls_minimum
        ), published AS (
            INSERT INTO desired_state AS present
                (fleet_id, domain_id, hostname, bundle_id, order_sequence, revision, brought_at_revision, changed_at,
                 approval, published_at, tls_minimum)
            SELECT taken.fleet_id, taken.domain_id, taken.hostname, taken.bundle_id, taken.order_sequence,
                   bumped.revision, bumped.revision, taken.changed_at, taken.approval, $3,
                   taken.tls_minimum
            FROM taken CROSS JOIN bumped
            ON CONFLICT (fleet_id, domain_id) DO UPDATE
            SET hostname = excluded.hostname, bundle_id = excluded.bundle_id, order_sequence = excluded.order_sequence,
                revision = excluded.revision, brought_at_revision = excluded.brought_at_revision,
                changed_at = excluded.changed_at, approval = excluded.approval, published_at = excluded.published_at,
                tls_minimum = excluded.tls_minimum
            WHERE (excluded.order_sequence > present.order_sequence
                   OR (excluded.order_sequence = present.order_sequence AND present.bundle_id IS NOT NULL))
              AND (excluded.bundle_id IS DISTINCT FROM present.bundle_id
                   OR (excluded.bundle_id IS NOT NULL AND excluded.tls_minimum <> present.tls_minimum))
        )
        SELECT bumped.epoch, bumped.revision, (SELECT count(*) FROM taken),
               pg_notify($2, $1::text || ':' || bumped.epoch || ':' || bumped.revision)::text,
               bumped.released_revision < bumped.revision
        FROM bumped
        """;

    /// <summary>Publishes within a transaction the caller has open and commits; null when nothing waited that may
    /// go.</summary>
    public static async Task<PublishedBatch?> TakeAsync(
        NpgsqlConnection connection, Guid fleet, DateTimeOffset now, CancellationToken ct)
    {
        await TurnAsync(connection, fleet, ct);
        var withdrawn = await WithdrawalBreaker.AdmitAsync(connection, fleet, now, ct);
        await using var batch = new NpgsqlCommand(Sql, connection)
        {
            Parameters =
            {
                new() { Value = fleet },
                new() { Value = Channels.DesiredState },
                new() { Value = now },
                new() { Value = withdrawn },
            },
        };
        PublishedBatch published;
        await using (var reader = await batch.ExecuteReaderAsync(ct))
        {
            if (!await reader.ReadAsync(ct))
            {
                return null;
            }

            published = new PublishedBatch(fleet, reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
            if (!reader.GetBoolean(4))
            {
                return published;
            }
        }

        await ReleaseWithdrawals.RunAsync(connection, fleet, ct);
        return published;
    }

    /// <summary>Publishes what waits, of every fleet, each in a transaction of its own. One whose row somebody holds,
    /// be it a replica that was cut off in the middle, is passed over until the next round: fleets do not wait for each
    /// other.</summary>
    public static async Task<IReadOnlyList<PublishedBatch>> RunAsync(
        NpgsqlDataSource database, TimeProvider time, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        var published = new List<PublishedBatch>();
        foreach (var fleet in await WaitingFleetsAsync(connection, ct))
        {
            await using var transaction = await connection.BeginTransactionAsync(ct);
            await BePatientAsync(connection, ct);
            try
            {
                var batch = await TakeAsync(connection, fleet, time.GetUtcNow(), ct);
                await transaction.CommitAsync(ct);
                if (batch is not null)
                {
                    published.Add(batch);
                }
            }
            catch (PostgresException held) when (held.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                await transaction.RollbackAsync(ct);
            }
        }

        return published;
    }

    /// <summary>How long the caller's transaction waits for a lock: a batch takes some tens of milliseconds. Then
    /// <see cref="PostgresErrorCodes.LockNotAvailable"/>.</summary>
    public static async Task BePatientAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var limit = new NpgsqlCommand("SET LOCAL lock_timeout = '1s'", connection);
        await limit.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Ends the caller's transaction when it is left alone for so long: a replica that lost its power while it
    /// held a fleet's row would hold it until TCP notices, which takes hours.</summary>
    public const string EndWhenCutOff = "set_config('idle_in_transaction_session_timeout', '30s', true)";

    /// <summary>Waits until nobody else changes the fleet's desired state, and keeps the others out until the
    /// caller's transaction ends.</summary>
    public static async Task TurnAsync(NpgsqlConnection connection, Guid fleet, CancellationToken ct)
    {
        await using var turn = new NpgsqlCommand(
            $"SELECT {EndWhenCutOff} FROM fleets WHERE id = $1 FOR NO KEY UPDATE", connection)
        {
            Parameters = { new() { Value = fleet } },
        };
        await turn.ExecuteNonQueryAsync(ct);
    }

    private static async Task<List<Guid>> WaitingFleetsAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT DISTINCT fleet_id FROM desired_changes
            WHERE held_at IS NULL OR approval IS NOT NULL OR bundle_id IS NOT NULL
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var fleets = new List<Guid>();
        while (await reader.ReadAsync(ct))
        {
            fleets.Add(reader.GetGuid(0));
        }

        return fleets;
    }
}
