using ControlPlane.Contracts;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Local;
using SyncAgent.Observing;

namespace SyncAgent.Syncing;

/// <summary>Long-polls the desired state and writes it into the book; what to do about it is not its concern.</summary>
internal sealed partial class DesiredFeed(
    ApiClient api,
    DesiredBook book,
    Reconciler reconciler,
    Reporter reporter,
    NodeView view,
    AgentMeter meter,
    Alarms alarms,
    Freshness freshness,
    DigestRounds rounds,
    TimeProvider time,
    ILogger<DesiredFeed> log) : BackgroundService
{
    /// <summary>Below the 50 s the API allows, also after the jitter that keeps a fleet's polls apart.</summary>
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(40);

    /// <summary>Withdrawn by pages with others behind them: one of those may hand the name to another domain, and how
    /// many withdrawals are too many is known when the list is complete.</summary>
    private readonly List<string> _withdrawn = [];

    /// <summary>When the API last answered; null before the first time.</summary>
    public DateTimeOffset? LastAnswer { get; private set; }

    /// <summary>How long this node can do without the API; 0 when it holds nothing.</summary>
    public double HoursToFirstExpiry() =>
        view.FirstExpiry is { } first ? (first - time.GetUtcNow()).TotalHours : 0;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var backoff = Backoff.ForApi();
        var isFirst = true;
        while (!stoppingToken.IsCancellationRequested)
        {
            freshness.Look();
            try
            {
                // The first question must not wait: after it the node knows whether it is up to date.
                var wait = isFirst ? 0 : (int)Jitter.Spread(Wait).TotalSeconds;
                if (await Poll(wait, stoppingToken) is not { } isAll)
                {
                    // Told by the alarm; asking again at once would change nothing, and a long wait would hide its end.
                    isFirst = true;
                    await Task.Delay(backoff.Failed(), time, stoppingToken);
                    continue;
                }

                isFirst = !isAll;
                LastAnswer = time.GetUtcNow();
                backoff.Succeeded();
            }
            catch (ApiUnavailableException failure)
            {
                meter.ApiFailed();
                var delay = backoff.Failed(failure.RetryAfter);
                LogAway(failure.Message, HoursToFirstExpiry(), delay.TotalSeconds);
                await Task.Delay(delay, time, stoppingToken);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // The disk is full. The page is not taken; what the book held before, it still holds.
                var delay = backoff.Failed();
                LogNotRecorded(failure.Message, delay.TotalSeconds);
                await Task.Delay(delay, time, stoppingToken);
            }
            catch (Exception surprise) when (!stoppingToken.IsCancellationRequested)
            {
                // An answer that nobody foresaw. An agent that ended on it would take its node from the NLB, and
                // every other node at the same moment.
                var delay = backoff.Failed();
                LogSurprise(surprise, delay.TotalSeconds);
                await Task.Delay(delay, time, stoppingToken);
            }
        }
    }

    /// <returns>True when nothing more is ready now; null when the answer was refused as an old one.</returns>
    private async Task<bool?> Poll(int wait, CancellationToken cancel)
    {
        var page = await api.GetDesiredState(book.Mark.Cursor, wait, cancel);
        if (page is null && book.Mark.Cursor is null)
        {
            // Not our API: a proxy, or an address that was given up. Asking again at once would be a loop.
            throw new ApiUnavailableException("The API answered 410 to a question about everything.");
        }

        if (page is null)
        {
            LogHistoryGone();
            reporter.SetCaughtUp(false);
            reporter.ForgetWhatWasTold();
            book.ForgetCursor();
            reconciler.TouchAll();
            return false;
        }

        var before = book.Mark;
        var changed = book.Record(page with { At = freshness.Believed(page.At) });
        if (changed is null)
        {
            // Somebody plays an old answer again, or the database was set back and does not know it yet: our next
            // question shows what we hold, and a control plane raises its epoch above that.
            meter.AnswerRefusedAsOlder();
            alarms.Raise(
                NodeAlarmCodes.AnswerOlder,
                $"The API answered with epoch {page.Epoch}, revision {page.Revision}, older than {before.Epoch}, "
                + $"{before.Revision}. It is refused; the node goes on serving what it has.");
            return null;
        }

        if (page.Epoch > before.Epoch)
        {
            // The control plane's history begins anew: it may have lost what it was told.
            reporter.ForgetWhatWasTold();
            reconciler.TouchAll();
        }

        if (!page.More)
        {
            alarms.Clear(NodeAlarmCodes.AnswerOlder);
            freshness.Look();
        }

        reporter.SetCaughtUp(!page.More);
        if (!page.More && (before.Relisting || LastAnswer is null))
        {
            rounds.Soon();
        }

        if (changed.Count > 0)
        {
            LogChanged(changed.Count, page.Epoch, page.Revision);
        }

        var gone = changed.ToLookup(hostname => book.Find(hostname)?.Withdrawn is not null);
        reconciler.Touch(gone[false]);
        _withdrawn.AddRange(gone[true]);
        if (!page.More)
        {
            reconciler.Touch(_withdrawn);
            _withdrawn.Clear();
        }

        return !page.More;
    }

    [LoggerMessage(LogLevel.Error, "The desired state cannot be written down ({Reason}); this node goes on serving "
        + "what it has. Next try in {Seconds:0.0} s")]
    private partial void LogNotRecorded(string reason, double seconds);

    [LoggerMessage(LogLevel.Error, "The desired state was not understood; this node goes on serving what it has. Next "
        + "try in {Seconds:0.0} s")]
    private partial void LogSurprise(Exception surprise, double seconds);

    [LoggerMessage(LogLevel.Warning, "The API is away ({Reason}); this node goes on serving, {Hours:0} h until its "
        + "first expiry. Next try in {Seconds:0.0} s")]
    private partial void LogAway(string reason, double hours, double seconds);

    [LoggerMessage(LogLevel.Information, "The history behind our cursor is gone; asking for everything")]
    private partial void LogHistoryGone();

    [LoggerMessage(LogLevel.Information, "{Count} names changed, now at epoch {Epoch}, revision {Revision}")]
    private partial void LogChanged(int count, long epoch, long revision);
}
