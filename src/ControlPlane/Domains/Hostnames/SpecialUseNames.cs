namespace ControlPlane.Domains.Hostnames;

/// <summary>
/// Endings that the public DNS does not serve, so that no public CA will ever prove a name below them: the IANA
/// registry of special-use domain names (RFC 6761, 6762, 7686, 8375, 9476 and others), <c>internal</c> (reserved by
/// ICANN for private use in 2024), and endings that name collisions keep out of the root (RFC 6762 appendix G).
/// <c>example.com</c>, <c>.net</c> and <c>.org</c> are delegated and are left to the proof.
/// </summary>
internal static class SpecialUseNames
{
    private static readonly HashSet<string> Endings = new(StringComparer.Ordinal)
    {
        "localhost", "local", "test", "invalid", "example", "onion", "alt", "internal", "home.arpa", "arpa",
        "intranet", "private", "corp", "home", "lan", "mail", "localdomain",
        // The A-labels under which ICANN tested internationalized names.
        "xn--kgbechtv", "xn--0zwm56d", "xn--g6w251d", "xn--80akhbyknj4f", "xn--11b5bs3a9aj6g", "xn--jxalpdlp",
        "xn--9t4b11yi5a", "xn--deba0ad", "xn--zckzah", "xn--hlcj6aya9esc7a", "xn--hgbk6aj7f53bba",
    };

    /// <summary>The reserved ending of a name; null when it has none or the ending is allowed here.</summary>
    public static string? EndingOf(string name, IReadOnlyCollection<string> allowed)
    {
        for (var rest = name; ; rest = rest[(rest.IndexOf('.') + 1)..])
        {
            if (Endings.Contains(rest))
            {
                return allowed.Contains(rest, StringComparer.OrdinalIgnoreCase) ? null : rest;
            }

            if (!rest.Contains('.'))
            {
                return null;
            }
        }
    }
}
