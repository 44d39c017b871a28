namespace ControlPlane.Contracts;

/// <summary>
/// The names this system handles: fully qualified A-label host names (RFC 1123 §2.1, RFC 5890 §2.3.2.1), lower case.
/// Both ends of the wire check it, because on a node the name becomes a file name and a word in a command to HAProxy.
/// </summary>
public static class HostnameSyntax
{
    /// <summary>Longest name, in characters: the limit of a certificate's common name (RFC 5280,
    /// ub-common-name).</summary>
    public const int MaxLength = 64;

    /// <summary>Longest label, in characters (RFC 1035 §2.3.4).</summary>
    public const int MaxLabelLength = 63;

    /// <summary>True for two or more labels of a–z, 0–9 and inner hyphens, the last one not all digits.</summary>
    /// <param name="name">The candidate. Nothing is trimmed or lower-cased: that is the caller's decision.</param>
    public static bool IsValid(string? name)
    {
        if (string.IsNullOrEmpty(name) || name.Length > MaxLength)
        {
            return false;
        }

        var labels = name.Split('.');
        return labels.Length >= 2 && labels.All(IsLabel) && !labels[^1].All(char.IsAsciiDigit);
    }

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= MaxLabelLength
        && label[0] != '-' && label[^1] != '-'
        && label.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');
}
