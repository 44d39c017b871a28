using System.Runtime.CompilerServices;
using Npgsql;

namespace ControlPlane.Audit;

/// <summary>The trail as it is verified: from the database, or from an export.</summary>
internal interface IAuditSource
{
    /// <summary>The batches in order of their numbers, with what they hold.</summary>
    IAsyncEnumerable<FilledBatch> BatchesAsync(CancellationToken ct);

    /// <summary>Entries in none of those batches, in order of ids. Asked after the batches were read.</summary>
    IAsyncEnumerable<AuditEntry> UnsealedAsync(CancellationToken ct);

    /// <summary>What shows, beside the chain, that something was cut off it; null when nothing does. Asked
    /// last.</summary>
    /// <param name="head">Where the chain that was read ends.</param>
    /// <param name="ct">Gives up.</param>
    Task<string?> CutOffAsync(AuditHead head, CancellationToken ct);
}

/// <summary>
/// The trail in the database. Every batch is read by a statement of its own, so that a long export holds no snapshot
/// open; that is complete all the same, because batches never change and the end is fixed when reading begins.
/// </summary>
internal sealed class AuditDatabase(NpgsqlDataSource database) : IAuditSource
{
    private const int Page = 1000;

    private long? _end;

    public async Task<AuditBatch?> LastAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand($"{AuditRows.Batches} ORDER BY number DESC LIMIT 1");
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? AuditRows.Batch(reader) : null;
    }

    public async IAsyncEnumerable<FilledBatch> BatchesAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var end = _end = (await LastAsync(ct))?.Number ?? 0;
        var after = 0L;
        while (after < end)
        {
            var page = await PageAsync(after, end.Value, ct);
            if (page.Count == 0)
            {
                yield break;
            }

            foreach (var batch in page)
            {
                yield return new FilledBatch(
                    batch, await AuditRows.ContentsAsync(database, batch.Number, ct));
            }

            after = page[^1].Number;
        }
    }

    public async IAsyncEnumerable<AuditEntry> UnsealedAsync([EnumeratorCancellation] CancellationToken ct)
    {
        var after = 0L;
        while (true)
        {
            await using var command = database.CreateCommand(
                $"""
                {AuditRows.Entries} WHERE e.id > $1
                    AND NOT EXISTS (SELECT FROM audit_sealed s WHERE s.entry_id = e.id AND s.batch <= $2)
                ORDER BY e.id LIMIT {Page}
                """);
            command.Parameters.Add(new() { Value = after });
            command.Parameters.Add(new() { Value = _end ?? 0 });
            var entries = await AuditRows.ReadEntriesAsync(command, ct);
            foreach (var entry in entries)
            {
                yield return entry;
            }

            if (entries.Count < Page)
            {
                yield break;
            }

            after = entries[^1].Id;
        }
    }

    /// <summary>Sealed rows of a batch that is gone. Their foreign key forbids it to everybody but a superuser, who can
    /// switch it off.</summary>
    public async Task<string?> CutOffAsync(AuditHead head, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT min(s.batch) FROM audit_sealed s
            WHERE NOT EXISTS (SELECT FROM audit_batches b WHERE b.number = s.batch)
            """);
        return await command.ExecuteScalarAsync(ct) is long gone
            ? $"Batch {gone} is missing, but what it sealed is still listed."
            : null;
    }

    private async Task<List<AuditBatch>> PageAsync(long after, long end, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"{AuditRows.Batches} WHERE number > $1 AND number <= $2 ORDER BY number LIMIT {Page}");
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = end });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var batches = new List<AuditBatch>();
        while (await reader.ReadAsync(ct))
        {
            batches.Add(AuditRows.Batch(reader));
        }

        return batches;
    }
}
