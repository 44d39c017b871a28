namespace SyncAgent.HAProxy;

/// <summary>
/// One agent per HAProxy socket: HAProxy's certificate transaction belongs to the process, so two writers would put one
/// name's key under another. Held by flock until the process ends, however it ends.
/// </summary>
internal sealed class WriterLock : IDisposable
{
    private readonly FileStream _file;

    private WriterLock(FileStream file) => _file = file;

    /// <returns>null when another agent holds it.</returns>
    public static WriterLock? TryTake(string socketPath)
    {
        // The file stays when the agent stops: removing it would let two agents lock two different files of one name.
        var path = Path.GetFullPath(socketPath) + ".agent-lock";
        try
        {
            // FileShare.None is flock(LOCK_EX | LOCK_NB) on Linux.
            var file = new FileStream(
                path,
                new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
            return new WriterLock(file);
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();
}
