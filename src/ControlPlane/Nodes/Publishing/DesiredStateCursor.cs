using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace ControlPlane.Nodes.Publishing;

/// <summary>A position in a fleet's history. Three parts, because a page may end inside a batch that shares a revision;
/// opaque to agents.</summary>
/// <param name="Epoch">The life of the history.</param>
/// <param name="Revision">Revision of the last row read.</param>
/// <param name="Domain">Its domain; <see cref="Guid.AllBitsSet"/> when the whole revision is read.</param>
internal readonly record struct DesiredStateCursor(long Epoch, long Revision, Guid Domain)
{
    /// <summary>Two numbers of 19 digits, 32 hexadecimal digits and two dots are 72 characters, 96 in
    /// base64url.</summary>
    private const int MaxLength = 96;

    public override string ToString() =>
        Base64Url.EncodeToString(Encoding.ASCII.GetBytes($"{Epoch}.{Revision}.{Domain:N}"));

    /// <summary>False for anything this program did not write.</summary>
    public static bool TryParse(string text, out DesiredStateCursor cursor)
    {
        cursor = default;
        if (text.Length is 0 or > MaxLength || !Base64Url.IsValid(text))
        {
            return false;
        }

        var parts = Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)).Split('.');
        if (parts.Length != 3
            || !long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)
            || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var revision)
            || !Guid.TryParseExact(parts[2], "N", out var domain))
        {
            return false;
        }

        cursor = new DesiredStateCursor(epoch, revision, domain);
        return true;
    }
}
