using System.Collections.Frozen;
using System.Globalization;

namespace ControlPlane.Domains.Hostnames;

/// <summary>
/// Which writing system each character of a label belongs to, and whether a label mixes them as UTS #39 §5.2 allows
/// ("Highly Restrictive"): one script, or the sets in which Japanese, Chinese and Korean are written.
/// </summary>
internal static class Scripts
{
    private const string Any = "Any";

    private const string Kana = "Kana";

    private static readonly FrozenSet<string>[] Together =
    [
        new[] { "Latin", "Han", "Hiragana", "Katakana", Kana }.ToFrozenSet(),
        new[] { "Latin", "Han", "Bopomofo" }.ToFrozenSet(),
        new[] { "Latin", "Han", "Hangul" }.ToFrozenSet(),
    ];

    /// <summary>Letters that look like Latin ones: a word of nothing else is read as another word (UTS #39 §4, whole
    /// script confusables).</summary>
    private static readonly FrozenDictionary<string, FrozenSet<char>> LooksLatin =
        new Dictionary<string, FrozenSet<char>>
        {
            ["Cyrillic"] = "асԁеһіјӏорԛѕԝхуъьҽпгѵкв".ToFrozenSet(),
            ["Greek"] = "αβικνορυωηχγτ".ToFrozenSet(),
        }.ToFrozenDictionary();

    private static readonly (int First, int Last, string Script)[] Ranges = Read();

    /// <summary>The characters' scripts; null when one of them is in no list.</summary>
    public static IReadOnlySet<string>? Of(string label)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var rune in label.EnumerateRunes())
        {
            if (Of(rune.Value) is not { } script)
            {
                return null;
            }

            found.Add(script);
        }

        found.Remove(Any);
        return found;
    }

    public static bool MayStandTogether(IReadOnlySet<string> scripts) =>
        scripts.Count <= 1 || Together.Any(scripts.IsSubsetOf);

    /// <summary>True when a reader would take the whole label for a Latin word.</summary>
    public static bool LooksLikeLatin(string label, IReadOnlySet<string> scripts) =>
        scripts.Count == 1 && LooksLatin.TryGetValue(scripts.First(), out var alike)
        && label.All(c => alike.Contains(c) || char.IsAsciiDigit(c) || c == '-');

    private static string? Of(int rune)
    {
        var (low, high) = (0, Ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var range = Ranges[middle];
            if (rune < range.First)
            {
                high = middle - 1;
            }
            else if (rune > range.Last)
            {
                low = middle + 1;
            }
            else
            {
                return range.Script;
            }
        }

        return null;
    }

    private static (int First, int Last, string Script)[] Read()
    {
        using var stream = typeof(Scripts).Assembly.GetManifestResourceStream("scripts.txt")!;
        using var reader = new StreamReader(stream);
        var ranges = new List<(int First, int Last, string Script)>();
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
            {
                continue;
            }

            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            ranges.AddRange(words.Skip(1).Select(word =>
            {
                var ends = word.Split('-').Select(end => int.Parse(end, NumberStyles.HexNumber)).ToArray();
                return (ends[0], ends[^1], words[0]);
            }));
        }

        return [.. ranges.OrderBy(range => range.First)];
    }
}
