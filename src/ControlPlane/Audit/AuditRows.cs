using Npgsql;

namespace ControlPlane.Audit;

/// <summary>The trail's rows. Plain SQL: nothing of it is ever changed, so that there is nothing to track.</summary>
internal static class AuditRows
{
    private const string EntryColumns =
        """
        e.id, e.at, e.phase, e.actor_kind, e.actor_id, e.actor, e.role, e.tenant, e.operation, e.target, e.address,
        e.request_id, e.outcome, e.repeats
        """;

    /// <summary>Entries <c>e</c>; conditions are added behind it.</summary>
    public const string Entries = $"SELECT {EntryColumns} FROM audit_entries e";

    /// <summary>Batches; conditions are added behind it.</summary>
    public const string Batches =
        "SELECT number, entries, settled_id, high_id, previous_hash, hash, sealed_at FROM audit_batches";

    /// <summary>What a batch holds: sealed rows with their entries, where these are still there.</summary>
    private const string Contents =
        $"""
        SELECT s.entry_id, s.digest, {EntryColumns} FROM audit_sealed s LEFT JOIN audit_entries e ON e.id = s.entry_id
        WHERE s.batch = $1 ORDER BY s.entry_id
        """;

    public static AuditBatch Batch(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetInt32(1), row.GetInt64(2), row.GetInt64(3), row.GetFieldValue<byte[]>(4),
        row.GetFieldValue<byte[]>(5), row.GetFieldValue<DateTimeOffset>(6));

    public static async Task<List<AuditEntry>> ReadEntriesAsync(NpgsqlCommand command, CancellationToken ct)
    {
        await using var reader = await command.ExecuteReaderAsync(ct);
        var entries = new List<AuditEntry>();
        while (await reader.ReadAsync(ct))
        {
            entries.Add(Entry(reader, 0));
        }

        return entries;
    }

    public static async Task<List<SealedEntry>> ContentsAsync(
        NpgsqlDataSource database, long batch, CancellationToken ct)
    {
        await using var command = database.CreateCommand(Contents);
        command.Parameters.Add(new() { Value = batch });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var contents = new List<SealedEntry>();
        while (await reader.ReadAsync(ct))
        {
            contents.Add(new SealedEntry(
                reader.GetInt64(0), reader.GetFieldValue<byte[]>(1), reader.IsDBNull(2) ? null : Entry(reader, 2)));
        }

        return contents;
    }

    private static AuditEntry Entry(NpgsqlDataReader row, int first) => new(
        row.GetInt64(first), row.GetFieldValue<DateTimeOffset>(first + 1), row.GetString(first + 2),
        row.GetString(first + 3), row.IsDBNull(first + 4) ? null : row.GetGuid(first + 4), Text(row, first + 5),
        Text(row, first + 6), Text(row, first + 7), row.GetString(first + 8), Text(row, first + 9),
        Text(row, first + 10), Text(row, first + 11), Text(row, first + 12), row.GetInt32(first + 13));

    private static string? Text(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetString(column);
}
