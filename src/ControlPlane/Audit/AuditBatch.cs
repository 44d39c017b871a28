using System.Text.Json.Serialization;

namespace ControlPlane.Audit;

/// <summary>A link of the chain.</summary>
/// <param name="Number">1, 2, 3 … without a gap.</param>
/// <param name="Entries">How many it holds.</param>
/// <param name="SettledId">Every id up to this one is in this batch or an earlier one, or will never appear.</param>
/// <param name="HighId">The highest id given out when it was sealed.</param>
/// <param name="PreviousHash">Of the batch before; 32 zero bytes for the first.</param>
/// <param name="Hash">SHA-256, see <see cref="AuditHash"/>.</param>
/// <param name="SealedAt">When, UTC.</param>
internal sealed record AuditBatch(
    long Number, int Entries, long SettledId, long HighId, byte[] PreviousHash, byte[] Hash, DateTimeOffset SealedAt)
{
    [JsonIgnore]
    public AuditHead Head => new(Number, Hash);
}

/// <summary>The end of the chain: kept outside, it shows that no batch was cut off.</summary>
/// <param name="Number">Of the last batch; 0 when nothing was sealed yet.</param>
/// <param name="Hash">Of the last batch, or its beginning.</param>
internal sealed record AuditHead(long Number, byte[] Hash)
{
    /// <summary>Shorter beginnings could be met by chance.</summary>
    private const int FewestHashBytes = 6;

    public static AuditHead None => new(0, AuditHash.Beginning);

    /// <summary>Reads <c>12:9f86d081884c…</c>; at least the hash's first twelve hexadecimal digits.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public static AuditHead Parse(string text)
    {
        var colon = text.IndexOf(':');
        if (colon < 0 || !long.TryParse(text.AsSpan(0, colon), out var number) || number < 0)
        {
            throw new FormatException("A head is <number>:<hash>, such as 12:9f86d081884c.");
        }

        var hash = Convert.FromHexString(text.AsSpan(colon + 1).Trim());
        return hash.Length is >= FewestHashBytes and <= AuditHash.Bytes
            ? new AuditHead(number, hash)
            : throw new FormatException("The hash of a head has 12 to 64 hexadecimal digits.");
    }

    public override string ToString() => $"{Number}:{Convert.ToHexStringLower(Hash)}";
}

/// <summary>What was sealed of one entry, and the entry as it is found now.</summary>
/// <param name="Id">The entry's.</param>
/// <param name="Digest">When it was sealed.</param>
/// <param name="Entry">Null when it is gone.</param>
internal sealed record SealedEntry(long Id, byte[] Digest, AuditEntry? Entry);

/// <summary>A batch and what it holds, in order of ids.</summary>
internal sealed record FilledBatch(AuditBatch Batch, IReadOnlyList<SealedEntry> Entries);
