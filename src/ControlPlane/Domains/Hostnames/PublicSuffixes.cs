namespace ControlPlane.Domains.Hostnames;

/// <summary>
/// The Public Suffix List (https://publicsuffix.org/list/): names under which strangers register. The list's own
/// algorithm: an exception rule beats all, else the longest rule wins, else the last label is the suffix.
/// </summary>
internal static class PublicSuffixes
{
    private static readonly HashSet<string> Rules = Read();

    /// <summary>True when the name is itself a suffix, or stands above nothing but suffixes (kobe.jp), and belongs to
    /// nobody.</summary>
    /// <param name="hostname">An A-label name, lower case.</param>
    public static bool Contains(string hostname) => Rules.Contains("*." + hostname)
        || LabelsOfSuffix(hostname.Split('.')) >= hostname.Count(c => c == '.') + 1;

    /// <summary>True when the name stands directly below its suffix: the apex of someone's domain, where DNS allows no
    /// CNAME.</summary>
    public static bool IsApex(string hostname) => LabelsOfSuffix(hostname.Split('.')) == hostname.Count(c => c == '.');

    /// <summary>The name that somebody registered and that this one stands below, or is; of a suffix, itself.</summary>
    public static string RegisteredDomainOf(string hostname)
    {
        var labels = hostname.Split('.');
        return string.Join('.', labels[Math.Max(0, labels.Length - LabelsOfSuffix(labels) - 1)..]);
    }

    private static int LabelsOfSuffix(string[] labels)
    {
        for (var start = 0; start < labels.Length; start++)
        {
            var name = string.Join('.', labels[start..]);
            if (Rules.Contains("!" + name))
            {
                return labels.Length - start - 1;
            }

            if (Rules.Contains(name)
                || (start < labels.Length - 1 && Rules.Contains("*." + string.Join('.', labels[(start + 1)..]))))
            {
                return labels.Length - start;
            }
        }

        return 1;
    }

    private static HashSet<string> Read()
    {
        using var stream = typeof(PublicSuffixes).Assembly.GetManifestResourceStream("public_suffixes.txt")!;
        using var reader = new StreamReader(stream);
        var rules = new HashSet<string>(StringComparer.Ordinal);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal))
            {
                rules.Add(line);
            }
        }

        return rules;
    }
}
