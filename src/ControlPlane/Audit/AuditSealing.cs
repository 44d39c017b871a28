using ControlPlane.Jobs;
using Npgsql;

namespace ControlPlane.Audit;

/// <summary>
/// Chains what was written since the last turn. One batch is one transaction under an advisory lock, so that replicas
/// take turns and a kill at any moment leaves the whole batch or nothing of it.
///
/// Ids come from a sequence and commit in any order, so that "everything after the last id" would skip a late one.
/// Instead an entry is due as long as no batch holds it, whatever its id; <c>settled_id</c> only says how far back to
/// look. It is proven one batch later: an id that was given out before the batch took its own transaction's number
/// belongs to a transaction with a lower one (the table's first column sees to that), and once all of those are over,
/// every id up to the batch's <c>high_id</c> is in the chain or nowhere. A snapshot's xmax would not do: it is the
/// number after the last that has ended, and others above it may be running.
/// </summary>
internal sealed partial class AuditSealing(NpgsqlDataSource database, TimeProvider time, ILogger<AuditSealing> log)
    : ISweep
{
    /// <summary>"Audt" in ASCII: any number will do, if it is always the same.</summary>
    private const long AdvisoryLock = 0x41756474;

    /// <summary>Entries a batch, at most: it is read whole by whoever verifies it.</summary>
    private const int MostEntries = 1000;

    /// <summary>A turn that finds more leaves the rest to the next.</summary>
    private const int MostBatches = 200;

    private const string Due =
        """
        WHERE e.id > $1 AND NOT EXISTS (SELECT FROM audit_sealed s WHERE s.entry_id = e.id) ORDER BY e.id LIMIT $2
        """;

    public async Task RunAsync(CancellationToken ct)
    {
        AuditHead? head = null;
        for (var batches = 0; batches < MostBatches && await SealAsync(ct) is { } batch; batches++)
        {
            head = batch.Head;
        }

        if (head is not null)
        {
            LogSealed(head);
        }
    }

    /// <summary>Seals one batch.</summary>
    /// <returns>Null when there was nothing to seal, or another replica is at it.</returns>
    public async Task<AuditBatch?> SealAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var turn = new NpgsqlCommand($"SELECT pg_try_advisory_xact_lock({AdvisoryLock})", connection);
        if (!(bool)(await turn.ExecuteScalarAsync(ct))!)
        {
            return null;
        }

        var last = await LastAsync(connection, ct);
        var high = await HighAsync(connection, ct);
        // After the sequence was read: whoever took an id up to high has a lower number than this transaction.
        var (settled, xid) = await SettledAsync(connection, last, ct);
        var entries = await DueAsync(connection, last?.SettledId ?? 0, ct);
        if (entries.Count == 0)
        {
            return null;
        }

        if (entries.Count == MostEntries)
        {
            // What a full batch leaves over lies above its last entry, and is neither sealed nor settled by it.
            (high, settled) = (Math.Min(high, entries[^1].Id), Math.Min(settled, entries[^1].Id));
        }

        var batch = new AuditBatch(
            (last?.Number ?? 0) + 1, entries.Count, settled, Math.Max(high, last?.HighId ?? 0),
            last?.Hash ?? AuditHash.Beginning, [], AuditHash.Rounded(time.GetUtcNow()));
        var digests = entries.Select(entry => (entry.Id, Digest: AuditHash.Of(entry))).ToList();
        batch = batch with { Hash = AuditHash.Of(batch, digests) };
        await InsertAsync(connection, batch, xid, digests, ct);
        await transaction.CommitAsync(ct);
        return batch;
    }

    private static async Task<AuditBatch?> LastAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"{AuditRows.Batches} ORDER BY number DESC LIMIT 1", connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? AuditRows.Batch(reader) : null;
    }

    private static async Task<long> HighAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_entries_id_seq", connection);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task<(long Id, string Xid)> SettledAsync(
        NpgsqlConnection connection, AuditBatch? last, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT pg_current_xact_id()::text,
                coalesce((SELECT high_xid <= pg_snapshot_xmin(pg_current_snapshot())
                    FROM audit_batches WHERE number = $1), false)
            """,
            connection)
        {
            Parameters = { new() { Value = last?.Number ?? 0 } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (last is null ? 0 : reader.GetBoolean(1) ? last.HighId : last.SettledId, reader.GetString(0));
    }

    private static async Task<List<AuditEntry>> DueAsync(
        NpgsqlConnection connection, long above, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand($"{AuditRows.Entries} {Due}", connection)
        {
            Parameters = { new() { Value = above }, new() { Value = MostEntries } },
        };
        return await AuditRows.ReadEntriesAsync(command, ct);
    }

    private static async Task InsertAsync(
        NpgsqlConnection connection, AuditBatch batch, string xid, List<(long Id, byte[] Digest)> digests,
        CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO audit_batches (number, entries, settled_id, high_id, high_xid, previous_hash, hash, sealed_at)
            VALUES ($1, $2, $3, $4, $5::text::xid8, $6, $7, $8)
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = batch.Number },
                new() { Value = batch.Entries },
                new() { Value = batch.SettledId },
                new() { Value = batch.HighId },
                new() { Value = xid },
                new() { Value = batch.PreviousHash },
                new() { Value = batch.Hash },
                new() { Value = batch.SealedAt },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
        await using var contents = new NpgsqlCommand(
            """
            INSERT INTO audit_sealed (entry_id, batch, digest) SELECT id, $1, digest FROM unnest($2, $3) t(id, digest)
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = batch.Number },
                new() { Value = digests.Select(entry => entry.Id).ToArray() },
                new() { Value = digests.Select(entry => entry.Digest).ToArray() },
            },
        };
        await contents.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The log usually leaves the machine: with it the head is where nobody who edits the database can edit
    /// it.</summary>
    [LoggerMessage(Level = LogLevel.Information, Message = "The audit trail is sealed up to {Head}")]
    private partial void LogSealed(AuditHead head);
}
