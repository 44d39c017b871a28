using System.Threading.Channels;
using ControlPlane.Contracts;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Local;

namespace SyncAgent.Syncing;

/// <summary>
/// Compares the whole record with what the fleet wants, in 32 KiB: after a restart, after a full list, and every few
/// minutes. The feed tells what changes; this finds what a lost change, a damaged journal or a fault on either side
/// left behind.
/// </summary>
internal sealed partial class DigestRounds(
    ApiClient api,
    DesiredBook book,
    Reconciler reconciler,
    AgentMeter meter,
    Alarms alarms,
    AgentOptions options,
    TimeProvider time,
    ILogger<DigestRounds> log) : BackgroundService
{
    /// <summary>One answer holds 2,000 rows: a record that was lost altogether needs 50 at 100,000 domains.</summary>
    private const int QuestionsPerRound = 100;

    /// <summary>The poll brings what lies between our revision and the answer's within milliseconds.</summary>
    private static readonly TimeSpan CatchUp = TimeSpan.FromMilliseconds(200);

    /// <summary>Beyond this the feed has a fault of its own, which it tells.</summary>
    private const int CatchUpTries = 50;

    private readonly Channel<bool> _soon = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>The record is complete as far as a list tells; whether it is right is worth a look now.</summary>
    public void Soon() => _soon.Writer.TryWrite(true);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await _soon.Reader.ReadAsync(stoppingToken);
        var backoff = Backoff.ForApi();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Round(stoppingToken);
                backoff.Succeeded();
                await WaitForNext(stoppingToken);
            }
            catch (ApiUnavailableException failure)
            {
                meter.ApiFailed();
                await WaitAfter(failure, backoff.Failed(failure.RetryAfter), stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                // The disk is full, or the answer is none that anybody foresaw: nothing was corrected, and nothing is
                // lost. The agent must not end on it.
                await WaitAfter(failure, backoff.Failed(), stoppingToken);
            }
        }
    }

    private Task WaitAfter(Exception failure, TimeSpan delay, CancellationToken cancel)
    {
        LogNotCompared($"{failure.GetType().Name}: {failure.Message}", delay.TotalSeconds);
        return Task.Delay(delay, time, cancel);
    }

    private async Task Round(CancellationToken cancel)
    {
        for (var question = 0; question < QuestionsPerRound; question++)
        {
            if (book.ToCompare() is not { } request)
            {
                return;
            }

            var answer = await api.PostDigests(request, cancel);
            meter.Compared();
            if (answer.Differing == 0)
            {
                if (question == 0)
                {
                    alarms.Clear(NodeAlarmCodes.RecordDrift);
                }

                return;
            }

            if (answer.Epoch != request.Epoch || !await HasReached(answer, cancel)
                || book.Correct(answer) is not { } drift)
            {
                return;
            }

            foreach (var (hostname, cause) in drift)
            {
                meter.Drifted(cause);
                LogDrift(hostname, cause);
            }

            // A stray is told by name, and stays.
            if (drift.FirstOrDefault(found => found.Cause != DriftCauses.Stray) is { } first)
            {
                alarms.Raise(
                    NodeAlarmCodes.RecordDrift,
                    $"This node's record was not what its fleet wants, first for {first.Hostname} ({first.Cause}). It "
                    + "was corrected; the agent's log names the others.");
            }

            reconciler.Touch(drift.Select(found => found.Hostname));
            if (drift.Count == 0 || answer.Buckets.Count == answer.Differing)
            {
                return;
            }
        }
    }

    /// <summary>Only a record that holds everything up to the answer's revision can be told wrong by it: a withdrawal
    /// on its way is no stray.</summary>
    private async Task<bool> HasReached(DigestAnswer answer, CancellationToken cancel)
    {
        for (var tries = 0; tries < CatchUpTries; tries++)
        {
            if (book.Mark.Revision >= answer.Revision)
            {
                return true;
            }

            await Task.Delay(CatchUp, time, cancel);
        }

        return false;
    }

    private async Task WaitForNext(CancellationToken cancel)
    {
        using var period = new CancellationTokenSource(Jitter.Spread(options.DigestEvery), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, period.Token);
        try
        {
            await _soon.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            LogNext();
        }
    }

    [LoggerMessage(LogLevel.Warning, "The record differs from what the fleet wants at {Hostname} ({Cause}); a stray is "
        + "served and told, everything else is corrected")]
    private partial void LogDrift(string hostname, string cause);

    [LoggerMessage(LogLevel.Warning, "The record was not compared ({Reason}); next try in {Seconds:0.0} s")]
    private partial void LogNotCompared(string reason, double seconds);

    [LoggerMessage(LogLevel.Debug, "Comparing the record again")]
    private partial void LogNext();
}
