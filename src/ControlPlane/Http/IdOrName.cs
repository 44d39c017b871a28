using System.Text.RegularExpressions;

namespace ControlPlane.Http;

/// <summary>How callers name what has an id and a name, in paths and in bodies: by either. No name looks like an id,
/// so that the two cannot be confused.</summary>
internal static partial class IdOrName
{
    /// <summary>1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen and not in the form of an id.</summary>
    public static bool IsName(string text) => Name().IsMatch(text) && !IsId(text, out _);

    public static bool IsId(string text, out Guid id) => Guid.TryParseExact(text, "D", out id);

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,62}\z", RegexOptions.NonBacktracking)]
    private static partial Regex Name();
}
