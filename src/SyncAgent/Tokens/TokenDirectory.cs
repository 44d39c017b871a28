using System.Globalization;
using System.Text;
using SyncAgent.HAProxy;
using SyncAgent.Local;

namespace SyncAgent.Tokens;

/// <summary>What the store holds for a request.</summary>
/// <param name="Order">Sequence of the order whose file was met.</param>
/// <param name="Value">What to answer; null when the file has expired, or is about another token.</param>
internal readonly record struct FoundToken(long Order, string? Value);

/// <summary>
/// The shared token store as a node reads it: <c>&lt;hostname&gt;/&lt;order sequence&gt;</c>, the value on the first
/// line and perhaps <c>expires=&lt;RFC 3339&gt;</c> on the second. The highest live one counts: a renewal's token
/// beside an older order's must win.
/// </summary>
internal sealed class TokenDirectory(string root, TimeProvider time)
{
    /// <summary>CertCentral's values have 32 characters, ACME's key authorizations below 200: a larger file is not a
    /// token.
    /// </summary>
    private const int LargestToken = 4096;

    private const string AcmeSuffix = ".acme";

    /// <summary>The value for <c>fileauth.txt</c>; null when no order has one.</summary>
    public FoundToken? FindFileAuth(ServedName hostname) => Find(hostname, suffix: "", line => line);

    /// <summary>The key authorization of an ACME token; the file's first line is token and key authorization.</summary>
    public FoundToken? FindAcme(ServedName hostname, string token) => Find(hostname, AcmeSuffix, line =>
        line.Split(' ', 2) is [var name, var authorization] && name == token ? authorization : null);

    /// <summary>The highest order whose live line holds what is asked for; the highest of all, without a value, when
    /// none does.</summary>
    private FoundToken? Find(ServedName hostname, string suffix, Func<string, string?> read)
    {
        FoundToken? first = null;
        foreach (var (order, line) in Tokens(hostname, suffix))
        {
            var found = new FoundToken(order, line is null ? null : read(line));
            if (found.Value is not null)
            {
                return found;
            }

            first ??= found;
        }

        return first;
    }

    private IEnumerable<(long Order, string? Line)> Tokens(ServedName hostname, string suffix)
    {
        var directory = new DirectoryInfo(Path.Combine(root, hostname.Value));
        if (!directory.Exists || directory.LinkTarget is not null)
        {
            return [];
        }

        return directory.EnumerateFiles()
            .Select(file => (file.FullName, Sequence: SequenceOf(file.Name, suffix)))
            .Where(file => file.Sequence is not null)
            .OrderByDescending(file => file.Sequence)
            .Select(file => (file.Sequence!.Value, ReadLive(file.FullName)));
    }

    private static long? SequenceOf(string fileName, string suffix)
    {
        return fileName.EndsWith(suffix, StringComparison.Ordinal)
            && long.TryParse(
                fileName[..^suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            ? sequence
            : null;
    }

    private string? ReadLive(string path)
    {
        using var file = FileSystem.OpenNoFollow(path);
        if (file is null || file.Length > LargestToken)
        {
            return null;
        }

        using var reader = new StreamReader(file, Encoding.ASCII);
        var value = reader.ReadLine();
        return string.IsNullOrEmpty(value) || IsExpired(reader.ReadLine()) ? null : value;
    }

    private bool IsExpired(string? line)
    {
        const string Expires = "expires=";
        return line is not null
            && line.StartsWith(Expires, StringComparison.Ordinal)
            && (!DateTimeOffset.TryParse(
                    line[Expires.Length..], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end)
                || end <= time.GetUtcNow());
    }
}
