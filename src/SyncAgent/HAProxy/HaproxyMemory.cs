namespace SyncAgent.HAProxy;

/// <summary>Everything that one HAProxy process holds, read at one moment.</summary>
/// <param name="Process">Who answered.</param>
/// <param name="Certificates">By path, whether or not a crt-list serves them.</param>
/// <param name="Listed">Paths that the directory's crt-list serves.</param>
internal sealed record MemoryInventory(
    HaproxyProcess Process, IReadOnlyDictionary<string, HeldCertificate> Certificates, IReadOnlySet<string> Listed);

/// <summary>Reads HAProxy's memory. Reads never disturb a writer's transaction, so they need no lock.</summary>
internal sealed class HaproxyMemory(HaproxyOptions options, TimeProvider time)
{
    /// <summary>Certificates asked for in one connection: enough to make the connection cheap, small enough to stay
    /// within the command limit.</summary>
    private const int ReadsPerConnection = 200;

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
            [RuntimeCommand.ShowProcess, RuntimeCommand.ListCertificates, RuntimeCommand.ListEntries(directory)],
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

        var listed = RuntimeReplies.ParseEntries(replies[2]).ToHashSet(StringComparer.Ordinal);
        return new MemoryInventory(process, certificates, listed);
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

    public async Task<IReadOnlyList<string>> Ask(
        TimeSpan limit, IReadOnlyList<RuntimeCommand> commands, CancellationToken cancel)
    {
        using var connection = await RuntimeConnection.Open(options.SocketPath, limit, time, cancel);
        return await connection.Ask(commands, cancel);
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
