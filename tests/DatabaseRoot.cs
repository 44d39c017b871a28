namespace Tests;

/// <summary>Where tests keep their databases' files: in memory where there is plenty, because each database is a
/// thousand files. Not TMPDIR: a socket's path must stay below 108 bytes, and root's own folders are closed to
/// postgres.</summary>
internal static class DatabaseRoot
{
    /// <summary>Above what all databases of a run take together.</summary>
    private const long Enough = 4L << 30;

    private const string Memory = "/dev/shm";

    public static string Path { get; } =
        Directory.Exists(Memory) && new DriveInfo(Memory).AvailableFreeSpace > Enough ? Memory : "/tmp";
}
