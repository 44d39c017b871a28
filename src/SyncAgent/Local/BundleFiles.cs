using System.Security.Cryptography;
using SyncAgent.HAProxy;

namespace SyncAgent.Local;

/// <summary>One bundle's file as it was found.</summary>
/// <param name="Fingerprint">SHA-256 of the leaf, lower-case hex; null when the file is damaged.</param>
/// <param name="MemoryFingerprint">SHA-1 of the leaf as HAProxy prints it; null when the file is damaged.</param>
/// <param name="NotBefore">Start of the leaf's validity.</param>
/// <param name="NotAfter">End of the leaf's validity.</param>
/// <param name="WrittenAt">The file's time: a file with another time is read again.</param>
/// <param name="Length">Bytes.</param>
/// <param name="CoversOthers">It is for other names, too.</param>
internal sealed record BundleFile(
    string? Fingerprint,
    string? MemoryFingerprint,
    DateTimeOffset NotBefore,
    DateTimeOffset NotAfter,
    DateTime WrittenAt,
    long Length,
    bool CoversOthers = false)
{
    public bool IsDamaged => Fingerprint is null;
}

/// <summary>
/// The directory that HAProxy loads at its start. A file under its final name is one that HAProxy accepted: a refused
/// one would stop its next start, and with it every domain of the node.
/// </summary>
internal sealed class BundleFiles
{
    /// <summary>Bundles whose disk writes share a sync.</summary>
    private const int WrittenTogether = 64;

    private readonly CertificateDirectoryPath _directory;
    private readonly Gathering<(string Path, ReadOnlyMemory<byte> Bytes), Outcome> _staging;
    private readonly Gathering<ServedName, Outcome> _promoting;

    public BundleFiles(CertificateDirectoryPath directory)
    {
        _directory = directory;
        Tls13 = new Tls13List(directory);
        _staging = new(
            WrittenTogether, batch => Task.FromResult<IReadOnlyList<Outcome>>(FileSystem.WriteThrough(batch)));
        _promoting = new(WrittenTogether, batch => Task.FromResult(PromoteAll(batch)));
    }

    public CertificateDirectoryPath Directory => _directory;

    /// <summary>Which of the names refuse TLS 1.2 from HAProxy's next start on.</summary>
    public Tls13List Tls13 { get; }

    /// <summary>Every bundle by name. Files already known by time and length are not read again.</summary>
    public Dictionary<string, BundleFile> ReadAll(IReadOnlyDictionary<string, BundleFile> known)
    {
        Tls13.DropMissing();
        var found = new Dictionary<string, BundleFile>(StringComparer.Ordinal);
        foreach (var file in new DirectoryInfo(_directory.Value).EnumerateFiles("*.pem"))
        {
            if (_directory.NameOf(_directory.Value + "/" + file.Name) is not { } name)
            {
                continue;
            }

            found[name.Value] = known.TryGetValue(name.Value, out var before)
                && before.WrittenAt == file.LastWriteTimeUtc
                && before.Length == file.Length
                ? before
                : Look(name);
        }

        return found;
    }

    public BundleFile Look(ServedName name)
    {
        var file = new FileInfo(_directory.For(name).Value);
        try
        {
            using var payload = Read(name);
            return Describe(payload, file);
        }
        catch (CryptographicException)
        {
            // Damaged is an answer here: the plan moves the file out of HAProxy's sight.
            return new BundleFile(null, null, default, default, file.LastWriteTimeUtc, file.Length);
        }
    }

    /// <exception cref="CryptographicException">The file is damaged, or a link.</exception>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public PemPayload Read(ServedName name)
    {
        var path = _directory.For(name).Value;
        if (!File.Exists(path))
        {
            throw new FileNotFoundException("There is no bundle on disk.", path);
        }

        var bytes = ReadBytes(path);
        var beside = Array.Empty<byte>();
        try
        {
            // Ours hold their keys; files from before us may have them beside.
            if (bytes.AsSpan().IndexOf("PRIVATE KEY-----"u8) < 0 && PemKey.FileBeside(path) is { } keyFile)
            {
                beside = ReadBytes(keyFile);
            }

            return beside.Length == 0 ? PemPayload.FromFile(bytes) : FromTwo(bytes, beside);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
            CryptographicOperations.ZeroMemory(beside);
        }
    }

    /// <summary>Names that nobody would serve any more if this took the place of the name's file.</summary>
    public IReadOnlyList<string> NamesLostBy(ServedName name, PemPayload next)
    {
        using var now = Read(name);
        return [.. now.Names.Except(next.Names, StringComparer.OrdinalIgnoreCase)];
    }

    /// <summary>Writes the bundle as a dot-file, which HAProxy skips; on the disk when it returns.</summary>
    /// <exception cref="IOException">The disk is full or failed; the file that is served is untouched.</exception>
    public async Task Stage(ServedName name, PemPayload payload, CancellationToken cancel) =>
        (await _staging.Do((InDirectory(name.StageFileName), payload.Bytes), cancel)).ThrowIfFaulted();

    /// <summary>Gives the staged file its final name, durably.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public async Task<BundleFile> Promote(ServedName name, PemPayload payload)
    {
        // HAProxy has accepted it: there is no way back from here.
        (await _promoting.Do(name, CancellationToken.None)).ThrowIfFaulted();
        return Describe(payload, new FileInfo(_directory.For(name).Value));
    }

    public void DropStage(ServedName name) => File.Delete(InDirectory(name.StageFileName));

    /// <summary>Stages of a predecessor that was killed: HAProxy never accepted them, or they will be fetched
    /// again.</summary>
    public int DropAllStages()
    {
        var stages = System.IO.Directory.GetFiles(_directory.Value, ".*.pem.stage");
        foreach (var stage in stages)
        {
            File.Delete(stage);
        }

        return stages.Length;
    }

    public void Quarantine(ServedName name)
    {
        Tls13.DropWith(name, () => File.Move(
            _directory.For(name).Value, InDirectory(name.QuarantineFileName), overwrite: true));
        FileSystem.SyncDirectory(_directory.Value);
    }

    /// <summary>A file from before this agent goes out of HAProxy's sight, and stays for people to look at.</summary>
    public void SetAside(string fileName)
    {
        var aside = InDirectory($".{fileName}.adopted");
        for (var more = 2; File.Exists(aside); more++)
        {
            aside = InDirectory($".{fileName}.adopted.{more}");
        }

        File.Move(InDirectory(fileName), aside);
        FileSystem.SyncDirectory(_directory.Value);
    }

    public void Remove(ServedName name)
    {
        Tls13.DropWith(name, () => File.Delete(_directory.For(name).Value));
        FileSystem.SyncDirectory(_directory.Value);
    }

    private IReadOnlyList<Outcome> PromoteAll(IReadOnlyList<ServedName> names)
    {
        var outcomes = names
            .Select(name => Outcome.Of(() => File.Move(
                InDirectory(name.StageFileName), _directory.For(name).Value, overwrite: true)))
            .ToArray();
        FileSystem.SyncDirectory(_directory.Value);
        return outcomes;
    }

    private static PemPayload FromTwo(byte[] certificates, byte[] key)
    {
        byte[] both = [.. certificates, (byte)'\n', .. key];
        try
        {
            return PemPayload.FromFile(both);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(both);
        }
    }

    private static byte[] ReadBytes(string path)
    {
        using var file = FileSystem.OpenNoFollow(path)
            ?? throw new CryptographicException("The file is a link or unreadable.");
        // A bundle that HAProxy takes is below 16 kB; anything far larger is not one of ours.
        var bytes = new byte[Math.Min(file.Length, 1 << 20)];
        file.ReadExactly(bytes);
        return bytes;
    }

    private static BundleFile Describe(PemPayload payload, FileInfo file)
    {
        file.Refresh();
        return new BundleFile(
            payload.Fingerprint,
            payload.MemoryFingerprint,
            payload.NotBefore,
            payload.NotAfter,
            file.LastWriteTimeUtc,
            file.Length,
            payload.Names.Count > 1);
    }

    private string InDirectory(string fileName) => Path.Combine(_directory.Value, fileName);
}
