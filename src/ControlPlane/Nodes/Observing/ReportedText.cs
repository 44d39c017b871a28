namespace ControlPlane.Nodes.Observing;

/// <summary>What an agent says in words, as it is kept.</summary>
internal static class ReportedText
{
    /// <summary>An agent never sends key material; should one be at fault, a list of events is the last place for it.
    /// What PostgreSQL cannot hold goes as well, or a node could not report at all for one word of it: a zero
    /// character, and the half of a pair that a cut would leave.</summary>
    public static string Clean(string detail, int most)
    {
        if (detail.Contains("-----BEGIN", StringComparison.Ordinal))
        {
            return "(left out: it quoted a PEM)";
        }

        var length = Math.Min(detail.Length, most);
        if (length > 0 && char.IsHighSurrogate(detail[length - 1]))
        {
            length--;
        }

        return detail.Replace('\0', ' ')[..length];
    }
}
