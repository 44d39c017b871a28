using System.Globalization;

namespace SyncAgent.HAProxy;

/// <summary>Which HAProxy process answered. Another pid or start time means that everything about memory is
/// unknown.</summary>
internal sealed record HaproxyProcess(int Pid, string Version, DateTimeOffset StartedAt);

/// <summary>What HAProxy holds for one file.</summary>
/// <param name="Path">The file's full name.</param>
/// <param name="Status"><c>Used</c>, <c>Unused</c> (not in a crt-list) or <c>Empty</c> (created, nothing
/// committed).</param>
/// <param name="Fingerprint">SHA-1 of the leaf in upper-case hex; null while empty.</param>
/// <param name="Names">Subject alternative names, without <c>DNS:</c>.</param>
internal sealed record HeldCertificate(string Path, string Status, string? Fingerprint, IReadOnlyList<string> Names)
{
    public bool IsUsed => Status == "Used";
}

/// <summary>Parsers of the runtime API's texts. Each says null, never a guess, when the text is not what 2.6
/// prints.</summary>
internal static class RuntimeReplies
{
    /// <summary>What everybody else hears while somebody's command looks at certificates or commits one, whatever they
    /// asked: it says nothing of what is held.</summary>
    public static bool IsLocked(string reply) =>
        reply.EndsWith("Operations on certificates are currently locked!", StringComparison.Ordinal);

    /// <summary><c>show info</c>.</summary>
    public static HaproxyProcess? ParseProcess(string reply)
    {
        var fields = Fields(reply);
        return fields.TryGetValue("Pid", out var pid)
            && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && fields.TryGetValue("Version", out var version)
            && fields.TryGetValue("Start_time_sec", out var start)
            && long.TryParse(start, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? new HaproxyProcess(number, version, DateTimeOffset.FromUnixTimeSeconds(seconds))
            : null;
    }

    /// <summary><c>show ssl cert</c>: names, and the path of an open transaction when there is one.</summary>
    public static (IReadOnlyList<string> Files, string? Transaction) ParseCertificates(string reply)
    {
        var files = new List<string>();
        string? transaction = null;
        foreach (var line in Lines(reply))
        {
            if (line[0] == '*')
            {
                transaction = line[1..];
            }
            else if (line[0] != '#')
            {
                files.Add(line);
            }
        }

        return (files, transaction);
    }

    /// <summary><c>show ssl crt-list &lt;directory&gt;</c>: the files that it serves.</summary>
    public static IReadOnlyList<string> ParseEntries(string reply)
    {
        return [.. Lines(reply).Where(line => line[0] == '/').Select(line => line.Split(' ', 2)[0])];
    }

    /// <summary><c>show ssl cert &lt;path&gt;</c>.</summary>
    /// <returns>null when HAProxy does not know <paramref name="path"/> or speaks about another.</returns>
    public static HeldCertificate? ParseCertificate(string reply, string path)
    {
        var fields = Fields(reply);
        if (!fields.TryGetValue("Filename", out var file) || file != path
            || !fields.TryGetValue("Status", out var status))
        {
            return null;
        }

        fields.TryGetValue("Subject Alternative Name", out var names);
        fields.TryGetValue("SHA1 FingerPrint", out var fingerprint);
        return new HeldCertificate(path, status, fingerprint, NamesOf(names));
    }

    private static string[] NamesOf(string? names)
    {
        return (names ?? "")
            .Split(", ", StringSplitOptions.RemoveEmptyEntries)
            .Where(name => name.StartsWith("DNS:", StringComparison.Ordinal))
            .Select(name => name["DNS:".Length..])
            .ToArray();
    }

    private static Dictionary<string, string> Fields(string reply)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in Lines(reply))
        {
            var colon = line.IndexOf(": ", StringComparison.Ordinal);
            if (colon > 0)
            {
                fields.TryAdd(line[..colon], line[(colon + 2)..]);
            }
        }

        return fields;
    }

    private static IEnumerable<string> Lines(string reply) =>
        reply.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
