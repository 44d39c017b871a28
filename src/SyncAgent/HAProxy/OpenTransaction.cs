namespace SyncAgent.HAProxy;

/// <summary>
/// The one certificate transaction that a HAProxy process has, as far as its writer knows. One that stays open would be
/// filled by the next <c>set</c>, whatever name that is for. Not for parallel use: the writer lets one through at a
/// time.
/// </summary>
internal sealed partial class OpenTransaction(HaproxyMemory memory, TimeSpan commandLimit, ILogger log)
{
    /// <summary>True until a look has shown that no transaction is open; again true after anything
    /// unexpected.</summary>
    public bool MayBeOpen { get; set; } = true;

    public async Task EndIfAny(CancellationToken cancel)
    {
        if (MayBeOpen)
        {
            await End(cancel);
        }
    }

    /// <summary>The abort in finally: nothing to do after a clean write or a refusal that was cleaned up.</summary>
    public async Task EndAfterSurprise()
    {
        try
        {
            await EndIfAny(CancellationToken.None);
        }
        catch (RuntimeUnreachableException unreachable)
        {
            // Stays unknown: the next write looks first.
            LogUnknown(unreachable.Message);
        }
    }

    /// <summary>Looks, and aborts what it finds.</summary>
    /// <exception cref="RuntimeUnreachableException">HAProxy does not answer, or does not let it be
    /// aborted.</exception>
    public async Task End(CancellationToken cancel)
    {
        var open = await memory.ReadTransaction(cancel);
        if (open is not null)
        {
            LogStale(open);
            var abort = RuntimeCommand.AbortForeign(open)
                ?? throw new RuntimeUnreachableException(
                    "HAProxy holds an open transaction whose name cannot be sent back.");
            await memory.Ask(commandLimit, [abort], cancel);
            if (await memory.ReadTransaction(cancel) is not null)
            {
                throw new RuntimeUnreachableException($"HAProxy's open transaction for {open} cannot be aborted.");
            }
        }

        MayBeOpen = false;
    }

    [LoggerMessage(LogLevel.Warning, "Whether HAProxy has an open transaction is unknown: {Reason}")]
    private partial void LogUnknown(string reason);

    [LoggerMessage(LogLevel.Warning, "Aborting the transaction that was left open for {Path}")]
    private partial void LogStale(string path);
}
