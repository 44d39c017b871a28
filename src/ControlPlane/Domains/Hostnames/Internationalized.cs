using System.Globalization;
using System.Text;
using ControlPlane.Http;

namespace ControlPlane.Domains.Hostnames;

/// <summary>
/// What the A-labels of a name stand for: each must decode, be the one encoding of what it decodes to (RFC 5890
/// §2.3.2.1), and be a word that cannot be taken for another.
/// </summary>
internal static class Internationalized
{
    private const string Prefix = "xn--";

    private static readonly IdnMapping Idn = new() { UseStd3AsciiRules = true };

    /// <summary>Null when there is nothing against it.</summary>
    /// <param name="name">A name of ASCII labels, lower case.</param>
    public static Problem? Refuse(string name)
    {
        var labels = name.Split('.');
        var suffix = Decode(labels[^1]);
        foreach (var label in labels)
        {
            if (label.Length > 3 && label[2] == '-' && label[3] == '-'
                && !label.StartsWith(Prefix, StringComparison.Ordinal))
            {
                return HostnameProblems.ReservedLabel.With($"The label {label} has hyphens in third and fourth place.");
            }

            if (label.StartsWith(Prefix, StringComparison.Ordinal) && Refuse(label, suffix) is { } problem)
            {
                return problem;
            }
        }

        return null;
    }

    private static Problem? Refuse(string label, string? suffix)
    {
        if (Decode(label) is not { } word || Scripts.Of(word) is not { } scripts || IsLoose(word, scripts))
        {
            return HostnameProblems.BadALabel.With($"The label {label} stands for no word.");
        }

        if (!Scripts.MayStandTogether(scripts))
        {
            return HostnameProblems.MixedScripts.With(
                $"The label {label} mixes {string.Join(" and ", scripts.Order(StringComparer.Ordinal))}.");
        }

        // Below a domain of the same script readers expect that script.
        var atHome = suffix is not null && Scripts.Of(suffix) is { } around && around.SetEquals(scripts);
        return !atHome && Scripts.LooksLikeLatin(word, scripts)
            ? HostnameProblems.Confusable.With($"The label {label} looks like a word of Latin letters.")
            : null;
    }

    /// <summary>A mark without a letter before it, and marks in scripts whose letters come composed.</summary>
    private static bool IsLoose(string word, IReadOnlySet<string> scripts) =>
        word.All(char.IsAscii) || IsMark(word[0]) || word[0] == '-' || word[^1] == '-'
        || (scripts.Overlaps(["Latin", "Greek", "Cyrillic"]) && word.Any(IsMark));

    private static bool IsMark(char c) => char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark
        or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static string? Decode(string label)
    {
        try
        {
            var word = Idn.GetUnicode(label);
            return word.IsNormalized(NormalizationForm.FormC) && Idn.GetAscii(word) == label ? word : null;
        }
        catch (ArgumentException)
        {
            // Not Punycode, or no text: what it stands for cannot be said, and that is the answer.
            return null;
        }
    }
}
