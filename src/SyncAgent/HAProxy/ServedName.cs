namespace SyncAgent.HAProxy;

/// <summary>
/// A hostname that was checked letter by letter: the only thing that may become part of a runtime command or a file name.
/// A <c>;</c>, a line break or a slash in a name would be a new command, or another directory.
/// </summary>
internal sealed record ServedName
{
    /// <summary>RFC 1035 §2.3.4: a name has at most 255 octets on the wire, 253 characters in text.</summary>
    private const int LongestName = 253;

    /// <summary>RFC 1035 §2.3.4: a label has at most 63 octets.</summary>
    private const int LongestLabel = 63;

    private ServedName(string value) => Value = value;

    public string Value { get; }

    /// <summary>The name of the bundle's file in the certificate directory.</summary>
    public string FileName => Value + ".pem";

    /// <summary>Where the bundle rests until HAProxy accepted it. HAProxy skips dot-files at start.</summary>
    public string StageFileName => "." + Value + ".pem.stage";

    /// <summary>Where a damaged file goes, out of HAProxy's sight but not out of the operator's.</summary>
    public string QuarantineFileName => "." + Value + ".pem.quarantine";

    /// <summary>Lower-case A-labels with at least one dot and a last label that is not a number (that would be an address).
    /// </summary>
    public static ServedName? TryParse(string? text)
    {
        if (string.IsNullOrEmpty(text) || text.Length > LongestName)
        {
            return null;
        }

        var labels = text.Split('.');
        return labels.Length >= 2 && Array.TrueForAll(labels, IsLabel) && !labels[^1].All(char.IsAsciiDigit)
            ? new ServedName(text)
            : null;
    }

    public override string ToString() => Value;

    private static bool IsLabel(string label)
    {
        return label.Length is > 0 and <= LongestLabel
            && label[0] != '-'
            && label[^1] != '-'
            && label.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');
    }
}
