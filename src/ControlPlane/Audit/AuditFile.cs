using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ControlPlane.Audit;

/// <summary>
/// An export: NDJSON, a line for a batch, then a line for each entry it holds; then those that no batch holds yet; then
/// one that says that this is all. It can be verified without the database.
/// </summary>
/// <param name="path">The file. Read once, from the beginning.</param>
internal sealed class AuditFile(string path) : IAuditSource
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    private readonly List<AuditEntry> _unsealed = [];
    private AuditEnd? _end;

    /// <summary>Writes an export of a trail.</summary>
    /// <returns>Its head.</returns>
    public static async Task<AuditHead> WriteAsync(IAuditSource source, Stream to, CancellationToken ct)
    {
        var (head, entries, unsealed) = (AuditHead.None, 0L, 0L);
        await foreach (var (batch, contents) in source.BatchesAsync(ct))
        {
            await LineAsync(to, new AuditLine(Batch: batch), ct);
            foreach (var (id, digest, entry) in contents)
            {
                await LineAsync(to, new AuditLine(Id: id, Digest: digest, Entry: entry), ct);
            }

            head = batch.Head;
            entries += contents.Count;
        }

        await foreach (var entry in source.UnsealedAsync(ct))
        {
            await LineAsync(to, new AuditLine(Entry: entry), ct);
            unsealed++;
        }

        await LineAsync(to, new AuditLine(End: new AuditEnd(head.ToString(), entries, unsealed)), ct);
        await to.FlushAsync(ct);
        return head;
    }

    /// <exception cref="InvalidDataException">A line is not one of an export.</exception>
    public async IAsyncEnumerable<FilledBatch> BatchesAsync([EnumeratorCancellation] CancellationToken ct)
    {
        AuditBatch? batch = null;
        var contents = new List<SealedEntry>();
        var number = 0;
        await foreach (var text in File.ReadLinesAsync(path, ct))
        {
            var line = Parse(text, ++number);
            if (line is { Id: { } id, Digest: { } digest } && batch is not null)
            {
                contents.Add(new SealedEntry(id, digest, line.Entry));
                continue;
            }

            if (batch is not null)
            {
                yield return new FilledBatch(batch, contents);
                (batch, contents) = (null, []);
            }

            switch (line)
            {
                case { Batch: { } next } when _unsealed.Count == 0:
                    batch = next;
                    break;
                case { Entry: { } entry, Id: null }:
                    _unsealed.Add(entry);
                    break;
                case { End: { } end }:
                    _end = end;
                    break;
                default:
                    throw new InvalidDataException($"Line {number} of {path} is out of place.");
            }
        }

        if (batch is not null)
        {
            yield return new FilledBatch(batch, contents);
        }
    }

    public IAsyncEnumerable<AuditEntry> UnsealedAsync(CancellationToken ct) => _unsealed.ToAsyncEnumerable();

    public Task<string?> CutOffAsync(AuditHead head, CancellationToken ct) => Task.FromResult(
        _end is null ? "The file has no last line: its end was cut off, or the export was interrupted."
        : _end.Head != head.ToString() ? $"The file ends at batch {head.Number}, its last line says {_end.Head}."
        : null);

    private static async Task LineAsync(Stream to, AuditLine line, CancellationToken ct)
    {
        await to.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, Json), ct);
        await to.WriteAsync("\n"u8.ToArray(), ct);
    }

    private AuditLine Parse(string text, int number)
    {
        try
        {
            return JsonSerializer.Deserialize<AuditLine>(text, Json)!;
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"Line {number} of {path} is no line of an export.", fault);
        }
    }
}

/// <summary>A line of an export: a batch, an entry of the batch above (with its id and digest when it was sealed), an
/// entry that is in no batch, or the end.</summary>
internal sealed record AuditLine(
    AuditBatch? Batch = null, long? Id = null, byte[]? Digest = null, AuditEntry? Entry = null, AuditEnd? End = null);

/// <summary>The last line of an export.</summary>
/// <param name="Head">Number and hash of the last batch.</param>
/// <param name="Entries">In batches.</param>
/// <param name="Unsealed">In none yet.</param>
internal sealed record AuditEnd(string Head, long Entries, long Unsealed);
