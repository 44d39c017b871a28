using System.Globalization;

namespace LocalFleet.Processes;

/// <summary>Names the process that listens on a port, as far as /proc lets us see (our own processes, or all as
/// root).</summary>
internal static class PortOwner
{
    private const string Listening = "0A"; // the kernel's TCP_LISTEN, in hexadecimal

    /// <returns>Such as <c>haproxy (pid 1234)</c>, or null when it is hidden from us.</returns>
    public static string? Find(int port)
    {
        var inodes = new[] { "/proc/net/tcp", "/proc/net/tcp6" }.Where(File.Exists)
            .SelectMany(table => InodesOf(table, port))
            .Select(inode => $"socket:[{inode}]")
            .ToHashSet(StringComparer.Ordinal);
        return inodes.Count == 0
            ? null
            : Directory.EnumerateDirectories("/proc")
                .Where(process => Path.GetFileName(process).All(char.IsAsciiDigit))
                .Where(process => Holds(process, inodes))
                .Select(process => $"{Name(process)} (pid {Path.GetFileName(process)})")
                .FirstOrDefault();
    }

    private static IEnumerable<string> InodesOf(string table, int port) =>
        from line in File.ReadLines(table).Skip(1)
        let columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        where columns.Length > 9 && columns[3] == Listening
        let local = columns[1]
        where int.Parse(local.AsSpan(local.IndexOf(':') + 1), NumberStyles.HexNumber) == port
        select columns[9];

    private static bool Holds(string process, HashSet<string> inodes)
    {
        try
        {
            return Directory.EnumerateFiles(Path.Combine(process, "fd"))
                .Any(fd => new FileInfo(fd).LinkTarget is { } target && inodes.Contains(target));
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            // Another user's process, or one that has just ended: it stays unnamed.
            return false;
        }
    }

    private static string Name(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).Trim();
        }
        catch (IOException)
        {
            return "a process that has just ended";
        }
    }
}
