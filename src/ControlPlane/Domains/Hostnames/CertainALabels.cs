using System.Globalization;
using System.Text;
using ControlPlane.Contracts;

namespace ControlPlane.Domains.Hostnames;

/// <summary>
/// The A-label form of a name in other letters, where there is only one. Left out is what IDNA 2003 and 2008 read
/// differently (ß, ς, joiners), what would need normalizing first (combining marks, upper case), and labels that mix
/// scripts, because a wrong suggestion would send a customer to a stranger's name.
/// </summary>
internal static class CertainALabels
{
    /// <summary>Letters with one reading, by script. Ends are included.</summary>
    private static readonly (char First, char Last, string Script)[] Letters =
    [
        ('\u00E0', '\u00F6', "Latin"), ('\u00F8', '\u0131', "Latin"), ('\u0135', '\u013E', "Latin"),
        ('\u0142', '\u0148', "Latin"), ('\u014B', '\u017E', "Latin"),
        ('\u03AC', '\u03C1', "Greek"), ('\u03C3', '\u03CE', "Greek"),
        ('\u0430', '\u045F', "Cyrillic"), ('\u4E00', '\u9FA5', "Han"), ('\uAC00', '\uD7A3', "Hangul"),
    ];

    private static readonly IdnMapping Idn = new() { UseStd3AsciiRules = true };

    /// <summary>Null when no form is certain.</summary>
    public static string? Of(string name)
    {
        if (!name.Split('.').All(IsCertain))
        {
            return null;
        }

        try
        {
            var ascii = Idn.GetAscii(name);
            return HostnameSyntax.IsValid(ascii) && Idn.GetUnicode(ascii) == name
                && name.IsNormalized(NormalizationForm.FormC)
                ? ascii
                : null;
        }
        catch (ArgumentException)
        {
            // The name has no A-label form (a label would grow too long): nothing to suggest.
            return null;
        }
    }

    private static bool IsCertain(string label)
    {
        var scripts = label.Select(ScriptOf).Where(script => script != "any").Distinct().ToList();
        return scripts.Count <= 1 && !scripts.Contains("unknown");
    }

    private static string ScriptOf(char c) => c switch
    {
        '-' or (>= '0' and <= '9') => "any",
        >= 'a' and <= 'z' => "Latin",
        _ => Letters.Where(range => c >= range.First && c <= range.Last && !char.IsUpper(c))
            .Select(range => range.Script).FirstOrDefault("unknown"),
    };
}
