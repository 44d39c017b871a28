using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Domains.Settings;

/// <summary>What a portal keeps with a domain for itself, such as the number of its customer: a few short texts by
/// name. Nothing here acts upon them.</summary>
internal static class Metadata
{
    public const int MostEntries = 16;
    public const int MostOfKey = 40;
    public const int MostOfValue = 200;

    public const string Rule =
        "metadata must be up to 16 texts by name: names of 1 to 40 letters, digits, _, . and -, and up to 200 "
        + "characters each, without control characters.";

    public static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    public static bool IsEntry(string key, string? value) =>
        key.Length is > 0 and <= MostOfKey && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-')
        && value is { Length: <= MostOfValue } && !value.Any(char.IsControl)
        // Nothing that is no character, such as half of a pair: the database could not keep it.
        && !value.EnumerateRunes().Contains(Rune.ReplacementChar);

    /// <summary>As a jsonb column. It is never changed in place.</summary>
    public static void Map(PropertyBuilder<IReadOnlyDictionary<string, string>> property) => property
        .HasColumnType("jsonb").HasConversion(
            entries => Write(entries), text => Read(text),
            new ValueComparer<IReadOnlyDictionary<string, string>>(
                (a, b) => Write(a!) == Write(b!), entries => entries.Count, entries => entries));

    /// <summary>In the order of the names, as they are shown: equal metadata are equal texts.</summary>
    public static IReadOnlyDictionary<string, string> Of(IEnumerable<KeyValuePair<string, string>> entries) =>
        new SortedDictionary<string, string>(entries.ToDictionary(), StringComparer.Ordinal);

    public static string Write(IReadOnlyDictionary<string, string> entries) => JsonSerializer.Serialize(Of(entries));

    private static IReadOnlyDictionary<string, string> Read(string json) =>
        Of(JsonSerializer.Deserialize<Dictionary<string, string>>(json)!);
}
