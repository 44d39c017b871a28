namespace CertCentralSandbox.Orders;

/// <summary>
/// One program per state directory: a second one would compact the journal under the first one's hands. The lock ends
/// with the process, however it ends.
/// </summary>
internal sealed class StateLock : IDisposable
{
    private readonly FileStream _file;

    private StateLock(FileStream file) => _file = file;

    /// <summary>Makes the directory, for its owner alone, and takes the lock.</summary>
    /// <exception cref="IOException">Another program holds it.</exception>
    public static StateLock Take(string directory)
    {
        Directory.CreateDirectory(directory);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(
                directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        var path = Path.Combine(directory, "lock");
        try
        {
            return new StateLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e)
        {
            throw new IOException($"The state directory {directory} is in use by another sandbox.", e);
        }
    }

    public void Dispose() => _file.Dispose();
}
