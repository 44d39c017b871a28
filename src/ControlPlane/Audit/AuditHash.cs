using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ControlPlane.Audit;

/// <summary>
/// The canonical bytes of entries and batches, and their SHA-256. Each text is its length in bytes (int32, big-endian;
/// −1 for null) and its UTF-8; numbers are big-endian; times are microseconds since 1970, as PostgreSQL keeps them. So
/// no two entries have the same bytes, and an export can be checked with any tool.
/// </summary>
internal static class AuditHash
{
    public const int Bytes = SHA256.HashSizeInBytes;

    private static readonly byte[] EntryTag = "controlplane audit entry 1\n"u8.ToArray();
    private static readonly byte[] BatchTag = "controlplane audit batch 1\n"u8.ToArray();

    /// <summary>What the first batch is chained to.</summary>
    public static byte[] Beginning => new byte[Bytes];

    /// <summary>The digest of one entry: every column but xid, which no copy of the database keeps the meaning
    /// of.</summary>
    public static byte[] Of(AuditEntry entry)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(EntryTag);
        Append(hash, entry.Id);
        Append(hash, Microseconds(entry.At));
        Append(hash, entry.Phase);
        Append(hash, entry.ActorKind);
        Append(hash, entry.ActorId?.ToString("D"));
        Append(hash, entry.Actor);
        Append(hash, entry.Role);
        Append(hash, entry.Tenant);
        Append(hash, entry.Operation);
        Append(hash, entry.Target);
        Append(hash, entry.Address);
        Append(hash, entry.RequestId);
        Append(hash, entry.Outcome);
        Append(hash, entry.Repeats);
        return hash.GetHashAndReset();
    }

    /// <summary>The hash of a batch over its row and the digests of its entries, in order of ids.</summary>
    public static byte[] Of(AuditBatch batch, IEnumerable<(long Id, byte[] Digest)> entries)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(BatchTag);
        Append(hash, batch.Number);
        hash.AppendData(batch.PreviousHash);
        Append(hash, Microseconds(batch.SealedAt));
        Append(hash, batch.SettledId);
        Append(hash, batch.HighId);
        Append(hash, batch.Entries);
        foreach (var (id, digest) in entries)
        {
            Append(hash, id);
            hash.AppendData(digest);
        }

        return hash.GetHashAndReset();
    }

    /// <summary>A time as the database keeps it: what is hashed must be what is read back.</summary>
    public static DateTimeOffset Rounded(DateTimeOffset at) =>
        DateTimeOffset.UnixEpoch.AddTicks(Microseconds(at) * TimeSpan.TicksPerMicrosecond);

    private static long Microseconds(DateTimeOffset at) =>
        (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private static void Append(IncrementalHash hash, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        hash.AppendData(bytes);
    }

    private static void Append(IncrementalHash hash, string? text)
    {
        var bytes = text is null ? [] : Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, text is null ? -1 : bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
