using ControlPlane.Drills;

namespace SyncAgent.HAProxy;

/// <summary>
/// The only writer of HAProxy's memory. One bundle at a time, because a process has one certificate transaction; a
/// connection of its own for each batch, because an old connection talks to an old worker.
/// </summary>
internal sealed partial class HaproxyWriter : IDisposable
{
    private readonly HaproxyOptions _options;
    private readonly HaproxyMemory _memory;
    private readonly Failpoint _failpoint;
    private readonly TimeProvider _time;
    private readonly ILogger<HaproxyWriter> _log;
    private readonly SemaphoreSlim _oneTransaction = new(1, 1);
    private readonly OpenTransaction _transaction;
    private readonly Gathering<Injection, WriteOutcome> _injections;

    public HaproxyWriter(
        HaproxyOptions options,
        HaproxyMemory memory,
        Failpoint failpoint,
        TimeProvider time,
        ILogger<HaproxyWriter> log)
    {
        (_options, _memory, _failpoint, _time, _log) = (options, memory, failpoint, time, log);
        _transaction = new OpenTransaction(memory, options.CommandLimit, log);
        _injections = new Gathering<Injection, WriteOutcome>(BundlesPerConnection, InjectAll);
    }

    /// <summary>Loads a bundle and makes it served. Committing alone serves nothing: the crt-list entry does.</summary>
    /// <param name="path">The final file name; the file need not exist yet.</param>
    /// <param name="payload">What to load.</param>
    /// <param name="isNew">HAProxy does not know the path.</param>
    /// <param name="isListed">The directory's crt-list already serves the path.</param>
    /// <param name="expected">The process that <paramref name="isNew"/> and <paramref name="isListed"/> were read
    /// from.</param>
    /// <param name="cancel">Ends the wait, not a write under way.</param>
    public Task<WriteOutcome> Inject(
        CertificatePath path,
        PemPayload payload,
        bool isNew,
        bool isListed,
        HaproxyProcess expected,
        CancellationToken cancel)
    {
        if (InjectScript.IsOversized(path, payload, _options.BufferSize))
        {
            return Task.FromResult<WriteOutcome>(new WriteOutcome.Refused(
                $"The bundle has {payload.Bytes.Length} bytes and does not fit into HAProxy's buffer of "
                + $"{_options.BufferSize} (tune.bufsize); HAProxy would drop it without a word.",
                IsOversized: true));
        }

        return _injections.Do(
            new Injection(new InjectScript(path, payload, isNew, isListed), path, isNew, expected), cancel);
    }

    /// <summary>Takes a name out: the entry first, then the certificate, then a look that it is gone.</summary>
    public async Task<WriteOutcome> Remove(CertificatePath path, HaproxyProcess expected, CancellationToken cancel)
    {
        await _oneTransaction.WaitAsync(cancel);
        try
        {
            return await Write(path.Name.Value, expected, connection => Remove(
                path.Value,
                [
                    RuntimeCommand.DeleteEntry(path), RuntimeCommand.DeleteTls13(path),
                    RuntimeCommand.DeleteCertificate(path), RuntimeCommand.Show(path),
                ],
                connection));
        }
        finally
        {
            _oneTransaction.Release();
        }
    }

    /// <summary>The same for a file from before this program.</summary>
    public async Task<WriteOutcome> TakeOut(
        CertificateDirectoryPath directory, OldPath path, HaproxyProcess expected, CancellationToken cancel)
    {
        await _oneTransaction.WaitAsync(cancel);
        try
        {
            return await Write(path.Value, expected, connection => Remove(
                path.Value, RuntimeCommand.TakeOut(directory, path), connection));
        }
        finally
        {
            _oneTransaction.Release();
        }
    }

    /// <summary>Ends a transaction that a killed predecessor left open: the next <c>set</c> would fill its
    /// slot.</summary>
    public async Task AbortStale(CancellationToken cancel)
    {
        await _oneTransaction.WaitAsync(cancel);
        try
        {
            await _transaction.End(cancel);
        }
        finally
        {
            _oneTransaction.Release();
        }
    }

    /// <summary>A full look while nobody writes: one that overlaps a write would be taken for drift.</summary>
    public async Task WhileNobodyWrites(Func<Task> look, CancellationToken cancel)
    {
        await _oneTransaction.WaitAsync(cancel);
        try
        {
            await look();
        }
        finally
        {
            _oneTransaction.Release();
        }
    }

    public void Dispose() => _oneTransaction.Dispose();

    /// <summary>One write on a connection of its own, between two looks at who answers.</summary>
    private async Task<WriteOutcome> Write(
        string what, HaproxyProcess expected, Func<RuntimeConnection, Task<WriteOutcome>> write)
    {
        try
        {
            // Nobody's token: a write that began is finished, or bounded by the command limit.
            await _transaction.EndIfAny(CancellationToken.None);
            using var connection = await Connect();
            var before = await ProcessOn(connection);
            if (before != expected)
            {
                return new WriteOutcome.Replaced(
                    $"HAProxy {expected.Pid} was replaced by {before?.Pid} before the write.");
            }

            _transaction.MayBeOpen = true;
            var outcome = await write(connection);
            if (outcome is WriteOutcome.Written)
            {
                _transaction.MayBeOpen = false;
            }

            var after = await _memory.ReadProcess(CancellationToken.None);
            return after == expected
                ? outcome
                : new WriteOutcome.Replaced(
                    $"HAProxy {expected.Pid} was replaced by {after.Pid} while {what} was written.");
        }
        catch (RuntimeUnreachableException unreachable)
        {
            return new WriteOutcome.Replaced(unreachable.Message);
        }
        finally
        {
            await _transaction.EndAfterSurprise();
        }
    }

    private Task<RuntimeConnection> Connect() =>
        RuntimeConnection.Open(_options.SocketPath, _options.CommandLimit, _time, CancellationToken.None);

    private async Task<WriteOutcome> Inject(
        InjectScript script, CertificatePath path, bool isNew, RuntimeConnection connection)
    {
        var replies = _failpoint.IsArmed
            ? await AskOneByOne(script, path, connection)
            : await connection.Ask([.. script.Commands, RuntimeCommand.Show(path)], CancellationToken.None);
        var refusal = script.Refusal(replies);
        if (refusal is null)
        {
            var held = RuntimeReplies.ParseCertificate(replies[^1], path.Value);
            return IsHeld(script, held)
                ? new WriteOutcome.Written(held!)
                : new WriteOutcome.Refused(
                    "HAProxy said Success but holds "
                    + $"{held?.Fingerprint ?? "nothing"} ({held?.Status}) for {path.Name}.");
        }

        await CleanUp(path, isNew, replies);
        // That says nothing about the bundle: it is tried again, and no refusal is told.
        return replies.Any(RuntimeReplies.IsLocked)
            ? new WriteOutcome.Replaced(refusal)
            : new WriteOutcome.Refused(refusal);
    }

    private static bool IsHeld(InjectScript script, HeldCertificate? held) =>
        held is { IsUsed: true } && held.Fingerprint == script.MemoryFingerprint;

    /// <summary>One command a write, so that a failpoint can kill the agent between two of them.</summary>
    private async Task<IReadOnlyList<string>> AskOneByOne(
        InjectScript script, CertificatePath path, RuntimeConnection connection)
    {
        var replies = new List<string>();
        foreach (var command in script.Commands)
        {
            replies.AddRange(await connection.Ask([command], CancellationToken.None));
            _failpoint.PassCommand(command.Line.Split(' ')[0], path.Name.Value);
        }

        replies.AddRange(await connection.Ask([RuntimeCommand.Show(path)], CancellationToken.None));
        return replies;
    }

    private static async Task<WriteOutcome> Remove(
        string path, IReadOnlyList<RuntimeCommand> commands, RuntimeConnection connection)
    {
        var replies = await connection.Ask(commands, CancellationToken.None);
        return replies[^1].Contains("Not found", StringComparison.Ordinal)
            ? new WriteOutcome.Written(null)
            : new WriteOutcome.Refused(
                $"HAProxy still holds {path}: '{replies[0].ReplaceLineEndings(" ")}', "
                + $"'{replies[^2].ReplaceLineEndings(" ")}'");
    }

    private static async Task<HaproxyProcess?> ProcessOn(RuntimeConnection connection)
    {
        var replies = await connection.Ask([RuntimeCommand.ShowProcess], CancellationToken.None);
        return RuntimeReplies.ParseProcess(replies[0]);
    }

    /// <summary>After a refusal: no transaction may stay open, and no empty slot of a name that never was.</summary>
    private async Task CleanUp(CertificatePath path, bool wasNew, IReadOnlyList<string> replies)
    {
        foreach (var foreign in replies.Select(reply => InjectScript.ForeignTransaction(reply, path)).OfType<string>())
        {
            LogForeignTransaction(path.Name.Value, foreign);
        }

        await _transaction.End(CancellationToken.None);
        if (wasNew)
        {
            await _memory.Ask(
                _options.CommandLimit,
                [RuntimeCommand.DeleteEntry(path), RuntimeCommand.DeleteCertificate(path)],
                CancellationToken.None);
        }
    }

    [LoggerMessage(LogLevel.Error, "While {Hostname} was written, another writer's transaction was open: {Foreign}")]
    private partial void LogForeignTransaction(string hostname, string foreign);
}
