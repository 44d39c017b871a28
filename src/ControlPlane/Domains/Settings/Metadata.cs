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

    public static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    /// <summary>As a jsonb column. It is never changed in place.</summary>
    public static void Map(PropertyBuilder<IReadOnlyDictionary<string, string>> property) => property
        .HasColumnType("jsonb").HasConversion(
            entries => Write(entries), text => Read(text),
            new ValueComparer<IReadOnlyDictionary<string, string>>(
                (a, b) => Write(a!) == Write(b!), entries => entries.Count, entries => entries));

    /// <summary>In the order of the names, so that equal metadata are equal texts.</summary>
    public static string Write(IReadOnlyDictionary<string, string> entries) =>
        JsonSerializer.Serialize(new SortedDictionary<string, string>(
            entries.ToDictionary(entry => entry.Key, entry => entry.Value), StringComparer.Ordinal));

    private static SortedDictionary<string, string> Read(string json) => new(
        JsonSerializer.Deserialize<Dictionary<string, string>>(json)!, StringComparer.Ordinal);
}
