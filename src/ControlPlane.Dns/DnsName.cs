using System.Globalization;
using System.Text;

namespace ControlPlane.Dns;

/// <summary>
/// Names as text: labels joined by dots, no dot at the end, the root is <c>"."</c>. A dot or backslash inside a label
/// is written <c>\.</c> or <c>\\</c>, an octet outside printable ASCII <c>\DDD</c> (RFC 4343 §2.1), so that every name
/// of the wire has exactly one text. Names compare without regard to ASCII case: <see cref="Comparer"/>.
/// </summary>
internal static class DnsName
{
    public const string Root = ".";

    /// <summary>RFC 1035 §2.3.4: octets of one label.</summary>
    public const int MaxLabel = 63;

    /// <summary>
    /// RFC 1035 §2.3.4: octets of a whole name on the wire, length octets and the root's zero included.
    /// </summary>
    public const int MaxWire = 255;

    public static StringComparer Comparer => StringComparer.OrdinalIgnoreCase;

    /// <summary>Takes one dot off the end, so that "a.example." and "a.example" are one name.</summary>
    public static string Normalize(string name) => name switch
    {
        "" => Root,
        Root => Root,
        _ when name.EndsWith('.') && !name.EndsWith("\\.", StringComparison.Ordinal) => name[..^1],
        _ => name,
    };

    /// <summary>Splits a name into the octets of its labels.</summary>
    /// <exception cref="ArgumentException">An empty or overlong label, an overlong name or a broken escape.</exception>
    public static IReadOnlyList<byte[]> ToLabels(string name)
    {
        var normal = Normalize(name);
        if (normal == Root)
        {
            return [];
        }

        var labels = new List<byte[]>();
        var label = new List<byte>();
        for (var i = 0; i < normal.Length; i++)
        {
            if (normal[i] == '.')
            {
                labels.Add(Checked(label, name));
                label.Clear();
            }
            else
            {
                label.Add(normal[i] == '\\' ? Unescape(normal, ref i) : Octet(normal[i], name));
            }
        }

        labels.Add(Checked(label, name));
        if (labels.Sum(l => l.Length + 1) + 1 > MaxWire)
        {
            throw new ArgumentException($"The name '{name}' is longer than {MaxWire} octets.", nameof(name));
        }

        return labels;
    }

    /// <summary>The text of labels taken from the wire.</summary>
    public static string FromLabels(IReadOnlyList<byte[]> labels) =>
        labels.Count == 0 ? Root : string.Join('.', labels.Select(Escape));

    private static byte[] Checked(List<byte> label, string name) => label.Count is > 0 and <= MaxLabel
        ? [.. label]
        : throw new ArgumentException(
            $"A label of '{name}' has {label.Count} octets; 1 to {MaxLabel} are legal.", nameof(name));

    private static byte Octet(char c, string name) => char.IsAscii(c)
        ? (byte)c
        : throw new ArgumentException($"The name '{name}' is not ASCII; write it in A-labels.", nameof(name));

    private static byte Unescape(string name, ref int i)
    {
        if (i + 1 < name.Length && !char.IsAsciiDigit(name[i + 1]))
        {
            i++;
            return Octet(name[i], name);
        }

        if (i + 3 < name.Length && byte.TryParse(name.AsSpan(i + 1, 3), NumberStyles.None, null, out var octet))
        {
            i += 3;
            return octet;
        }

        throw new ArgumentException($"The name '{name}' ends in a broken escape.", nameof(name));
    }

    private static string Escape(byte[] label)
    {
        var text = new StringBuilder(label.Length);
        foreach (var octet in label)
        {
            _ = octet switch
            {
                (byte)'.' or (byte)'\\' => text.Append('\\').Append((char)octet),
                < 0x21 or > 0x7e => text.Append('\\').Append(octet.ToString("D3")),
                _ => text.Append((char)octet),
            };
        }

        return text.ToString();
    }
}
