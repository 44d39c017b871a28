namespace SyncAgent.HAProxy;

/// <summary>Everything that one HAProxy process holds, read at one moment.</summary>
/// <param name="Process">Who answered.</param>
/// <param name="Certificates">By path, whether or not a crt-list serves them.</param>
/// <param name="Listed">Paths that the directory's crt-list serves.</param>
/// <param name="Tls13">Paths that the crt-list of names without TLS 1.2 serves; empty where the configuration names no
/// such list.</param>
internal sealed record MemoryInventory(
    HaproxyProcess Process, IReadOnlyDictionary<string, HeldCertificate> Certificates, IReadOnlySet<string> Listed,
    IReadOnlySet<string> Tls13);

/// <summary>Reads HAProxy's memory. Reads never disturb a writer's transaction; but while one command looks at
/// certificates, another is told that they are locked, so that who reads much lets nobody write meanwhile.</summary>
internal sealed class HaproxyMemory(HaproxyOptions options, TimeProvider time)
{
    /// <summary>Certificates asked for in one connection: enough to make the connection cheap, small enough to stay
    /// within the command limit.</summary>
    private const int ReadsPerConnection = 200;

    /// <summary>A commit takes a millisecond: one that others are locked out by for a second hangs.</summary>
    private const int TriesWhileLocked = 50;
    private static readonly TimeSpan PauseWhileLocked = TimeSpan.FromMilliseconds(20);

    /// <exception cref="RuntimeUnreachableException">HAProxy cannot be asked.</exception>
    public async Task<HaproxyProcess> ReadProcess(CancellationToken cancel)
    {
        var replies = await Ask(options.CommandLimit, [RuntimeCommand.ShowProcess], cancel);
        return RuntimeReplies.ParseProcess(replies[0])
            ?? throw new RuntimeUnreachableException("HAProxy's 'show info' names no pid.");
    }

    /// <exception cref="RuntimeUnreachableException">HAProxy cannot be asked, or was replaced while it was
    /// read.</exception>
    public async Task<MemoryInventory> ReadAll(CertificateDirectoryPath directory, CancellationToken cancel)
    {
        var replies = await Ask(
            options.InventoryLimit,
            [
                RuntimeCommand.ShowProcess, RuntimeCommand.ListCertificates, RuntimeCommand.ListEntries(directory),
                RuntimeCommand.ListTls13(directory),
            ],
            cancel);
        var process = RuntimeReplies.ParseProcess(replies[0])
            ?? throw new RuntimeUnreachableException("HAProxy's 'show info' names no pid.");
        var names = RuntimeReplies.ParseCertificates(replies[1]).Files
            .Select(directory.NameOf)
            .OfType<ServedName>();
        var certificates = new Dictionary<string, HeldCertificate>(StringComparer.Ordinal);
        foreach (var chunk in names.Select(directory.For).Chunk(ReadsPerConnection))
        {
            foreach (var held in await Read(chunk, process, cancel))
            {
                certificates[held.Path] = held;
            }
        }

        return new MemoryInventory(process, certificates, Entries(replies[2]), Entries(replies[3]));

        static HashSet<string> Entries(string reply) =>
            RuntimeReplies.ParseEntries(reply).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The names of ours that memory holds, listed or not: 50 ms at 29,000.</summary>
    public async Task<IReadOnlyList<ServedName>> ReadNames(
        CertificateDirectoryPath directory, CancellationToken cancel)
    {
        var replies = await Ask(options.InventoryLimit, [RuntimeCommand.ListCertificates], cancel);
        return [.. RuntimeReplies.ParseCertificates(replies[0]).Files.Select(directory.NameOf).OfType<ServedName>()];
    }

    /// <summary>One certificate; null when HAProxy does not know it.</summary>
    public async Task<HeldCertificate?> ReadOne(CertificatePath path, CancellationToken cancel)
    {
        var replies = await Ask(options.CommandLimit, [RuntimeCommand.Show(path)], cancel);
        return RuntimeReplies.ParseCertificate(replies[0], path.Value);
    }

    /// <summary>The path of a transaction that is open right now, whoever opened it.</summary>
    public async Task<string?> ReadTransaction(CancellationToken cancel)
    {
        var replies = await Ask(options.InventoryLimit, [RuntimeCommand.ListCertificates], cancel);
        return RuntimeReplies.ParseCertificates(replies[0]).Transaction;
    }

    /// <exception cref="RuntimeUnreachableException">HAProxy cannot be asked, or somebody else's commit keeps it from
    /// answering.</exception>
    public async Task<IReadOnlyList<string>> Ask(
        TimeSpan limit, IReadOnlyList<RuntimeCommand> commands, CancellationToken cancel)
    {
        for (var tries = 1; ; tries++)
        {
            using var connection = await RuntimeConnection.Open(options.SocketPath, limit, time, cancel);
            var replies = await connection.Ask(commands, cancel);
            if (!replies.Any(RuntimeReplies.IsLocked))
            {
                return replies;
            }

            if (tries == TriesWhileLocked)
            {
                throw new RuntimeUnreachableException("HAProxy's certificates are locked by somebody else's command.");
            }

            await Task.Delay(PauseWhileLocked, time, cancel);
        }
    }

    /// <summary>Those of <paramref name="paths"/> that this process holds.</summary>
    /// <exception cref="RuntimeUnreachableException">HAProxy cannot be asked, or is another one.</exception>
    public async Task<IReadOnlyList<HeldCertificate>> Read(
        IReadOnlyList<CertificatePath> paths, HaproxyProcess process, CancellationToken cancel)
    {
        var replies = await Ask(
            options.InventoryLimit, [RuntimeCommand.ShowProcess, .. paths.Select(RuntimeCommand.Show)], cancel);
        if (RuntimeReplies.ParseProcess(replies[0]) != process)
        {
            throw new RuntimeUnreachableException("HAProxy was replaced while its memory was read.");
        }

        return [.. paths
            .Select((path, i) => RuntimeReplies.ParseCertificate(replies[i + 1], path.Value))
            .OfType<HeldCertificate>()];
    }
}
