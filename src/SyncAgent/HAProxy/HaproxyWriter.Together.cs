namespace SyncAgent.HAProxy;

/// <summary>
/// Many injections on one connection: the commands of all in one write, the replies read as they come, so that HAProxy
/// never waits for the agent. Who answers is asked before and, on a fresh connection, after the whole batch. An
/// <c>abort</c> behind each bundle keeps a refused one's transaction from taking the next one's key; whatever was not
/// proven to be in memory is cleaned up and done again alone.
/// </summary>
internal sealed partial class HaproxyWriter
{
    /// <summary>35 ms of HAProxy's time, and 50 kB in one write: long enough to hide what a connection costs, short
    /// enough that a removal or a look does not wait.</summary>
    private const int BundlesPerConnection = 16;

    private async Task<IReadOnlyList<WriteOutcome>> InjectAll(IReadOnlyList<Injection> batch)
    {
        await _oneTransaction.WaitAsync(CancellationToken.None);
        try
        {
            // Drills take one command at a time.
            var together = batch.Count == 1 || _failpoint.IsArmed
                ? new WriteOutcome?[batch.Count]
                : await WriteTogether(batch);
            var outcomes = new List<WriteOutcome>(batch.Count);
            for (var i = 0; i < batch.Count; i++)
            {
                // HAProxy is away or another: that will not be different for the next one.
                outcomes.Add(
                    together[i] ?? (outcomes.LastOrDefault() as WriteOutcome.Replaced) ?? await Alone(batch[i]));
            }

            return outcomes;
        }
        finally
        {
            _oneTransaction.Release();
        }
    }

    private Task<WriteOutcome> Alone(Injection item) =>
        Write(
            item.Path.Name.Value, item.Expected,
            connection => Inject(item.Script, item.Path, item.IsNew, connection));

    /// <returns>null for those that must be done again alone.</returns>
    private async Task<WriteOutcome?[]> WriteTogether(IReadOnlyList<Injection> batch)
    {
        var outcomes = new WriteOutcome?[batch.Count];
        try
        {
            await _transaction.EndIfAny(CancellationToken.None);
            using var connection = await Connect();
            var process = await ProcessOn(connection);
            if (batch.Any(item => item.Expected != process))
            {
                return outcomes;
            }

            _transaction.MayBeOpen = true;
            var replies = await TryAskAll(connection, batch);
            if (await _memory.ReadProcess(CancellationToken.None) != process)
            {
                Array.Fill(
                    outcomes,
                    new WriteOutcome.Replaced($"HAProxy {process!.Pid} was replaced while a batch was written."));
                return outcomes;
            }

            for (var i = 0; i < batch.Count; i++)
            {
                outcomes[i] = Judge(batch[i], replies[i]);
            }

            if (Array.TrueForAll(outcomes, outcome => outcome is not null))
            {
                _transaction.MayBeOpen = false;
            }

            for (var i = 0; i < batch.Count; i++)
            {
                if (outcomes[i] is null)
                {
                    await CleanUp(batch[i].Path, batch[i].IsNew, replies[i]);
                }
            }
        }
        catch (RuntimeUnreachableException unreachable)
        {
            Array.Fill(outcomes, new WriteOutcome.Replaced(unreachable.Message));
        }
        finally
        {
            await _transaction.EndAfterSurprise();
        }

        return outcomes;
    }

    /// <returns>For each item its replies; none when the connection broke, as it does behind a payload over HAProxy's
    /// real buffer.</returns>
    private async Task<IReadOnlyList<string>[]> TryAskAll(RuntimeConnection connection, IReadOnlyList<Injection> batch)
    {
        try
        {
            var replies = await connection.Ask(
                [.. batch.SelectMany(item => item.Commands)], CancellationToken.None);
            var shares = new IReadOnlyList<string>[batch.Count];
            for (int i = 0, at = 0; i < batch.Count; at += batch[i].Commands.Count, i++)
            {
                shares[i] = [.. replies.Skip(at).Take(batch[i].Commands.Count)];
            }

            return shares;
        }
        catch (RuntimeUnreachableException broken)
        {
            LogBroken(batch.Count, broken.Message);
            return [.. batch.Select(_ => Array.Empty<string>())];
        }
    }

    private static WriteOutcome.Written? Judge(Injection item, IReadOnlyList<string> replies)
    {
        return replies.Count == item.Commands.Count
            && item.Script.Refusal(replies) is null
            && RuntimeReplies.ParseCertificate(replies[^1], item.Path.Value) is { } held
            && IsHeld(item.Script, held)
            ? new WriteOutcome.Written(held)
            : null;
    }

    [LoggerMessage(LogLevel.Warning, "The connection broke while {Count} bundles were written together ({Reason}); "
        + "each is written alone")]
    private partial void LogBroken(int count, string reason);

    /// <param name="Script">What to load.</param>
    /// <param name="Path">Where.</param>
    /// <param name="IsNew">HAProxy does not know the path.</param>
    /// <param name="Expected">The process this was planned for.</param>
    private sealed record Injection(InjectScript Script, CertificatePath Path, bool IsNew, HaproxyProcess Expected)
    {
        /// <summary>The script, an end to whatever it left open, and a look at what came of it.</summary>
        public IReadOnlyList<RuntimeCommand> Commands { get; } =
            [.. Script.Commands, RuntimeCommand.Abort(Path), RuntimeCommand.Show(Path)];
    }
}
