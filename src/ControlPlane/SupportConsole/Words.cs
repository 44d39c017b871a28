using System.Globalization;

namespace ControlPlane.SupportConsole;

/// <summary>How the console writes words and times.</summary>
internal static class Words
{
    /// <summary>For programs, and for the script that counts on.</summary>
    public static string Iso(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>In full, for people.</summary>
    public static string Full(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    public static string Day(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>How long ago, or how soon. The script says the same.</summary>
    public static string Relative(DateTimeOffset at, DateTimeOffset now)
    {
        var seconds = (long)Math.Round((now - at).TotalSeconds);
        return seconds is >= -1 and <= 1 ? "now"
            : seconds > 0 ? $"{Rough(seconds)} ago"
            : $"in {Rough(-seconds)}";
    }

    /// <summary>A length of time, in two digits or so.</summary>
    public static string Length(TimeSpan length) => length < TimeSpan.FromSeconds(10)
        ? string.Create(CultureInfo.InvariantCulture, $"{length.TotalSeconds:0.0} s")
        : Rough((long)Math.Round(length.TotalSeconds));

    public static string Count(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary><c>RollingOut</c> → <c>rolling out</c>.</summary>
    public static string Of(Enum word) => string.Concat(word.ToString().Select((c, i) =>
        char.IsAsciiLetterUpper(c) ? (i == 0 ? "" : " ") + char.ToLowerInvariant(c) : c.ToString()));

    /// <summary>The first bytes of a fingerprint or serial, enough to tell two apart.</summary>
    public static string Short(string? hex) => hex is null ? "–" : hex.Length <= 12 ? hex : hex[..12] + "…";

    private static long Nearest(long seconds, long unit) => (seconds + unit / 2) / unit;

    private static string Rough(long seconds) => seconds switch
    {
        < 100 => $"{seconds} s",
        < 100 * 60 => $"{Nearest(seconds, 60)} min",
        < 48 * 3600 => $"{Nearest(seconds, 3600)} h",
        _ => $"{Nearest(seconds, 86400)} d",
    };
}
