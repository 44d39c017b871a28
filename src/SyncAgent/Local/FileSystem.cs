using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace SyncAgent.Local;

/// <summary>The few file operations whose durability matters and that .NET does not have.</summary>
internal static partial class FileSystem
{
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Everybody reads.</summary>
    public const UnixFileMode OwnerWrites = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    // open(2); O_NOFOLLOW is the one flag here that differs between the two architectures .NET runs on.
    private const int ReadOnly = 0;
    private const int CloseOnExec = 0x80000;
    private const int NoFollowX64 = 0x20000;
    private const int NoFollowArm64 = 0x8000;

    // sync_file_range(2), SYNC_FILE_RANGE_WRITE.
    private const uint StartWritingNow = 2;

    /// <summary>Enough to share one commit of the journal.</summary>
    private const int SyncsAtOnce = 4;

    /// <summary>Writes bytes to a file that only its owner reads, and returns when they are on the disk.</summary>
    /// <exception cref="IOException">The disk is full or failed.</exception>
    public static void WriteThrough(string path, ReadOnlySpan<byte> bytes, UnixFileMode mode = OwnerOnly)
    {
        using var file = CreateOwn(path, mode);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    /// <summary>The same for many files: the disk begins with all of them before the first is waited for, so that one
    /// commit of the file system's journal serves them all (2 to 5 times the rate of one after the other, ext4). Not
    /// <c>syncfs</c>: that would wait for every other program's data too.</summary>
    /// <returns>For each what came of it: a disk that refuses one file has not refused the others.</returns>
    public static Outcome[] WriteThrough(IReadOnlyList<(string Path, ReadOnlyMemory<byte> Bytes)> files)
    {
        var open = new FileStream?[files.Count];
        var outcomes = new Outcome[files.Count];
        for (var i = 0; i < files.Count; i++)
        {
            outcomes[i] = Outcome.Of(() =>
            {
                open[i] = CreateOwn(files[i].Path);
                open[i]!.Write(files[i].Bytes.Span);
                // Only a hint; the sync below is what counts.
                _ = StartWriting(open[i]!.SafeFileHandle, 0, 0, StartWritingNow);
            });
        }

        Parallel.For(0, files.Count, new ParallelOptions { MaxDegreeOfParallelism = SyncsAtOnce }, i =>
        {
            using var file = open[i];
            if (outcomes[i].Fault is null)
            {
                outcomes[i] = Outcome.Of(() => file!.Flush(flushToDisk: true));
            }
        });
        return outcomes;
    }

    /// <summary>Replaces a file in one step: readers see the old bytes or the new ones, also after a power
    /// cut.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> bytes, UnixFileMode mode = OwnerOnly)
    {
        var temporary = path + ".new";
        WriteThrough(temporary, bytes, mode);
        File.Move(temporary, path, overwrite: true);
        SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>A rename is on the disk only when its directory is.</summary>
    /// <exception cref="IOException">The directory cannot be opened or synced.</exception>
    public static void SyncDirectory(string path)
    {
        using var handle = OpenNative(path, ReadOnly | CloseOnExec);
        if (handle.IsInvalid || SyncNative(handle) != 0)
        {
            throw new IOException($"Cannot sync {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Opens a file for reading unless its last part is a symbolic link.</summary>
    /// <returns>null when it is absent, a link, or not readable.</returns>
    public static FileStream? OpenNoFollow(string path)
    {
        var noFollow = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? NoFollowArm64 : NoFollowX64;
        var handle = OpenNative(path, ReadOnly | CloseOnExec | noFollow);
        if (!handle.IsInvalid)
        {
            return new FileStream(handle, FileAccess.Read, bufferSize: 0);
        }

        handle.Dispose();
        return null;
    }

    private static FileStream CreateOwn(string path, UnixFileMode mode = OwnerOnly)
    {
        File.Delete(path);
        return new FileStream(
            path,
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.Read,
                BufferSize = 0,
                UnixCreateMode = mode,
            });
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenNative(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncNative(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int StartWriting(SafeFileHandle handle, long offset, long length, uint flags);
}
