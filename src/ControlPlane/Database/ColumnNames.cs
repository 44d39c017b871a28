using System.Text;

namespace ControlPlane.Database;

/// <summary>How properties are called in the schema.</summary>
internal static class ColumnNames
{
    /// <summary>ActiveBundleId → active_bundle_id; the one irregular word is HAProxy's own spelling.</summary>
    public static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name.Replace("HAProxy", "Haproxy", StringComparison.Ordinal))
        {
            if (char.IsAsciiLetterUpper(c) && text.Length > 0)
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
