using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ControlPlane.Contracts;

/// <summary>What an agent believes its fleet wants, in 32 KiB however many domains that are.</summary>
/// <param name="Epoch">Epoch of the agent's record.</param>
/// <param name="Revision">Revision up to which its record is complete.</param>
/// <param name="Buckets">A <see cref="StateDigest"/>: <see cref="StateDigest.Buckets"/> digests of
/// <see cref="StateDigest.BytesPerBucket"/> bytes, in the order of the buckets.</param>
public sealed record DigestRequest(long Epoch, long Revision, byte[] Buckets);

/// <summary>Where an agent's record differs from what its fleet wants now.</summary>
/// <param name="Epoch">The fleet's epoch; when it is not the agent's, nothing was compared, and a poll tells the
/// rest.</param>
/// <param name="Revision">Revision that was compared with. Rows above the agent's own are on their way to it
/// anyhow.</param>
/// <param name="Differing">How many buckets differ in all.</param>
/// <param name="Buckets">Those answered here, lowest first: all rows of each are in <paramref name="Domains"/>. Fewer
/// than <paramref name="Differing"/> when they would not fit: ask again once these are corrected.</param>
/// <param name="Domains">What the fleet wants in those buckets, at most <see cref="StateDigest.MaxRows"/>. A domain of
/// such a bucket that is not among them is a stray: deletion is never inferred from absence.</param>
public sealed record DigestAnswer(
    long Epoch,
    long Revision,
    int Differing,
    IReadOnlyList<int> Buckets,
    IReadOnlyList<DesiredDomain> Domains);

/// <summary>
/// A summary of a set of (domain, revision, fingerprint, lowest TLS) that shows in which part two sets differ. A row
/// falls into a bucket by its domain; a bucket's digest is the XOR over its rows, so that adding or removing a row
/// costs one hash and the order does not matter. It finds drift, and is no defence against a forger: the request's
/// token is. Not for concurrent use.
/// </summary>
public sealed class StateDigest
{
    /// <summary>How many buckets there are: 25 rows each at 100,000 domains.</summary>
    public const int Buckets = 4096;

    /// <summary>64 bits: two differing buckets look equal once in 10^19.</summary>
    public const int BytesPerBucket = 8;

    /// <summary>Most rows in one <see cref="DigestAnswer"/>.</summary>
    public const int MaxRows = 2000;

    private readonly ulong[] _buckets = new ulong[Buckets];

    /// <summary>The bucket of a domain: the last twelve bits of its id, which are random in a UUIDv7.</summary>
    public static int BucketOf(Guid domain)
    {
        Span<byte> id = stackalloc byte[16];
        domain.TryWriteBytes(id, bigEndian: true, out _);
        return BinaryPrimitives.ReadUInt16BigEndian(id[14..]) & (Buckets - 1);
    }

    /// <summary>Adds a row; adding it again takes it out.</summary>
    /// <param name="domain">The domain's id.</param>
    /// <param name="revision">Revision at which the fleet began to want the bundle.</param>
    /// <param name="fingerprint">SHA-256 of the leaf, 64 hexadecimal digits.</param>
    /// <param name="tlsMinimum">As in <see cref="DesiredDomain.TlsMinimum"/>. Its change is a new revision already;
    /// here it shows a record that was written by an agent that did not know of it. Not hashed when null, so that such
    /// agents agree on every other domain.</param>
    /// <exception cref="FormatException"><paramref name="fingerprint"/> is not that.</exception>
    public void Toggle(Guid domain, long revision, string fingerprint, string? tlsMinimum = null)
    {
        Span<byte> row = stackalloc byte[56];
        domain.TryWriteBytes(row, bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(row[16..], revision);
        if (fingerprint.Length != 64
            || Convert.FromHexString(fingerprint, row[24..], out _, out _) != OperationStatus.Done)
        {
            throw new FormatException("A fingerprint is 64 hexadecimal digits.");
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(tlsMinimum is null ? row : [.. row, .. Encoding.UTF8.GetBytes(tlsMinimum)], hash);
        _buckets[BucketOf(domain)] ^= BinaryPrimitives.ReadUInt64BigEndian(hash);
    }

    /// <summary>As it travels in a <see cref="DigestRequest"/>.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[Buckets * BytesPerBucket];
        for (var bucket = 0; bucket < Buckets; bucket++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(bucket * BytesPerBucket), _buckets[bucket]);
        }

        return bytes;
    }

    /// <summary>The buckets in which this set and the one that travelled differ, lowest first.</summary>
    /// <param name="other">From <see cref="ToBytes"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="other"/> has not the length of a digest.</exception>
    public IReadOnlyList<int> Differing(ReadOnlySpan<byte> other)
    {
        if (other.Length != Buckets * BytesPerBucket)
        {
            throw new ArgumentException($"A digest has {Buckets * BytesPerBucket} bytes.", nameof(other));
        }

        var differing = new List<int>();
        for (var bucket = 0; bucket < Buckets; bucket++)
        {
            if (BinaryPrimitives.ReadUInt64BigEndian(other[(bucket * BytesPerBucket)..]) != _buckets[bucket])
            {
                differing.Add(bucket);
            }
        }

        return differing;
    }
}
