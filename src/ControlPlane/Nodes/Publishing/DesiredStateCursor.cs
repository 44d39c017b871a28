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
    /// <summary>Three numbers of 19 digits, 32 hexadecimal digits and three dots are 92 characters, 123 in
    /// base64url.</summary>
    private const int MaxLength = 124;

    /// <summary>While a full list is being read: the revision it is pinned at. What changes above it meanwhile is read
    /// after the list. Zero otherwise.</summary>
    public long ListedAt { get; init; }

    /// <summary>Withdrawals up to here are known to the reader: it has read them, or its list began after
    /// them.</summary>
    public long WithdrawalsReadTo => Math.Max(Revision, ListedAt);

    public override string ToString()
    {
        var text = $"{Epoch}.{Revision}.{Domain:N}" + (ListedAt > 0 ? $".{ListedAt}" : "");
        return Base64Url.EncodeToString(Encoding.ASCII.GetBytes(text));
    }

    /// <summary>False for anything this program did not write.</summary>
    public static bool TryParse(string text, out DesiredStateCursor cursor)
    {
        cursor = default;
        if (text.Length is 0 or > MaxLength || !Base64Url.IsValid(text))
        {
            return false;
        }

        var parts = Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)).Split('.');
        var listedAt = 0L;
        if (parts.Length is not (3 or 4)
            || !TryNumber(parts[0], out var epoch)
            || !TryNumber(parts[1], out var revision)
            || !Guid.TryParseExact(parts[2], "N", out var domain)
            || (parts.Length == 4 && (!TryNumber(parts[3], out listedAt) || listedAt < revision)))
        {
            return false;
        }

        cursor = new DesiredStateCursor(epoch, revision, domain) { ListedAt = listedAt };
        return true;
    }

    private static bool TryNumber(string digits, out long number) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
