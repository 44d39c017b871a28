namespace LocalFleet;

/// <summary>One fleet per directory. Held by flock until this program ends, however it ends; <c>make clean</c> asks for
/// it.
/// </summary>
internal sealed class FleetLock : IDisposable
{
    private readonly FileStream _file;

    private FleetLock(FileStream file) => _file = file;

    /// <exception cref="FleetException">Another fleet runs there, or the directory is not ours.</exception>
    public static FleetLock Take(FleetLayout layout)
    {
        try
        {
            Directory.CreateDirectory(
                layout.Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            // FileShare.None is flock(LOCK_EX | LOCK_NB) on Linux.
            return new FleetLock(
                new FileStream(layout.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new FleetException(
                $"{layout.Root} can not be written. Was it made by another user? Remove it as that user, or choose "
                + "another with --fleet-dir.", e);
        }
        catch (IOException e)
        {
            throw new FleetException(
                $"A fleet runs in {layout.Root} already ({e.Message}). End it, or choose another directory with "
                + "--fleet-dir and other ports with --port-offset.", e);
        }
    }

    public void Dispose() => _file.Dispose();
}
