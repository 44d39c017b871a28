using System.Text.Json;
using System.Text.Json.Serialization;
using ControlPlane.Http;

namespace ControlPlane.Domains.Preflight;

/// <summary>One thing that a look at a name found, kept with its order. Never more of it than a reader needs, because a
/// stranger's DNS wrote parts of it.</summary>
/// <param name="Code">A code of <see cref="Reasons"/>.</param>
/// <param name="Detail">This name's particulars, in a sentence.</param>
/// <param name="Blocks">False for what may delay and yet forbids nothing.</param>
/// <param name="Records">DNS records to create or to remove.</param>
internal sealed record Finding(string Code, string Detail, bool Blocks, IReadOnlyList<FixStep> Records)
{
    private const int MostRecords = 12;
    private const int LongestText = 500;

    [JsonIgnore]
    public Reason Reason => Reasons.ByCode[Code];

    /// <summary>What to do: the reason's remedy, then the records.</summary>
    [JsonIgnore]
    public IEnumerable<FixStep> Fix => [new FixStep(Reason.Fix), .. Records];

    public static Finding Of(Reason reason, string detail, params IEnumerable<FixStep> records) => new(
        reason.Code, Printable(detail.Length > LongestText ? detail[..LongestText] + "…" : detail), Blocks: true,
        // A record that is cut is no record.
        [
            .. records.Where(step => step.Record is not { } record
                || (record.Value.Length <= LongestText && Printable(record.Value) == record.Value)).Take(MostRecords),
        ]);

    public static Finding Warning(Reason reason, string detail, params IEnumerable<FixStep> records) =>
        Of(reason, detail, records) with { Blocks = false };

    /// <summary>PostgreSQL keeps no NUL, and a terminal should meet no control character.</summary>
    private static string Printable(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
}

/// <summary>How findings rest in the order's row: as JSON.</summary>
internal static class StoredFindings
{
    /// <summary>As many as the row takes; a look has never more than half of it to tell.</summary>
    private const int Most = 8;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static string Write(IReadOnlyList<Finding> findings) =>
        JsonSerializer.Serialize(findings.Take(Most), Json);

    /// <summary>What a later version wrote and this one does not know is left out.</summary>
    public static IReadOnlyList<Finding> Read(string text) =>
    [
        .. JsonSerializer.Deserialize<List<Finding>>(text, Json)!
            .Where(found => Reasons.ByCode.ContainsKey(found.Code)),
    ];
}
