using System.Globalization;
using System.Text.Json;
using ControlPlane.Contracts;

namespace SyncAgent.Adopting;

/// <summary>What a person reads: a line for each file, then what to do.</summary>
internal static class AdoptionTable
{
    /// <summary>Long file names push their line to the right and no other.</summary>
    private const int MostColumn = 48;

    public static string Of(IReadOnlyList<OldFile> files)
    {
        var wide = Math.Min(MostColumn, files.Select(file => file.FileName.Length).DefaultIfEmpty(0).Max());
        var lines = files.Select(file => string.Join("  ",
            (file.Outcome ?? "").PadRight(15),
            file.FileName.PadRight(wide),
            file.NotAfter?.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "          ",
            file.Hostname ?? "-",
            file.Detail ?? "").TrimEnd());
        var sums = files.GroupBy(file => file.Outcome).OrderBy(alike => alike.Key, StringComparer.Ordinal)
            .Select(alike => $"{alike.Count()} {alike.Key}");
        return string.Join('\n', [.. lines, $"{files.Count} files: {string.Join(", ", sums)}."]);
    }

    /// <summary>The rows with which names that are not registered yet are imported, to be adopted then.</summary>
    public static IReadOnlyList<string> ImportRows(IReadOnlyList<OldFile> files, string? tenant) =>
    [
        .. files.Where(file => file.Outcome == AdoptionOutcomes.NotRegistered).Select(file => tenant is null
            ? $$"""{"hostname":"{{file.Hostname}}","adopt":true}"""
            : $$"""{"hostname":"{{file.Hostname}}","tenant":"{{JsonEncodedText.Encode(tenant)}}","adopt":true}"""),
    ];
}
