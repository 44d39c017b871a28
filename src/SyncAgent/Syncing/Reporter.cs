using ControlPlane.Contracts;
using ControlPlane.Drills;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Local;
using SyncAgent.Observing;
using SyncAgent.Tokens;

namespace SyncAgent.Syncing;

/// <summary>
/// Tells the control plane what was found, as soon as it was found: changed rows only, and a heartbeat when nothing
/// changes. While one is on its way, and a moment longer, rows gather, so that a burst of changes needs few reports.
/// </summary>
internal sealed partial class Reporter(
    ApiClient api,
    StateDirectory state,
    DesiredBook book,
    NodeView view,
    Failpoint failpoint,
    AgentMeter meter,
    Alarms alarms,
    Freshness freshness,
    StraysToTell strays,
    VisitorBook visitors,
    TimeProvider time,
    ILogger<Reporter> log) : BackgroundService
{
    /// <summary>A node silent for 90 s counts as lost: four heartbeats fit into that.</summary>
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(20);

    /// <summary>Between two reports: each costs a transaction. A change that comes alone is told at once.</summary>
    private static readonly TimeSpan Apart = TimeSpan.FromMilliseconds(100);
    private readonly Doorbell _news = new(time);
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, ObservedDomain> _pending = [];
    private readonly Dictionary<Guid, ObservedDomain> _told = [];
    private bool _isCaughtUp;
    private string? _standing;

    /// <summary>Domains whose last report was a refusal.</summary>
    public int RefusedCount
    {
        get
        {
            lock (_lock)
            {
                return _told.Values.Count(row => row.State == ObservedDomainState.Refused);
            }
        }
    }

    public void Tell(ObservedDomain row)
    {
        lock (_lock)
        {
            if (_told.GetValueOrDefault(row.Domain) == row)
            {
                _pending.Remove(row.Domain);
                return;
            }

            _pending[row.Domain] = row;
        }

        _news.Ring();
    }

    /// <summary>Whether the newest desired state is recorded; a full report makes sense only then.</summary>
    public void SetCaughtUp(bool value)
    {
        lock (_lock)
        {
            if (_isCaughtUp == value)
            {
                return;
            }

            _isCaughtUp = value;
        }

        _news.Ring();
    }

    /// <summary>The control plane may have lost what it was told: tell everything again as it is found.</summary>
    public void ForgetWhatWasTold()
    {
        lock (_lock)
        {
            _told.Clear();
            strays.Forget();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        alarms.Changed = visitors.Changed = () => _news.Ring();
        var backoff = Backoff.ForApi();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var hasMore = await Send(stoppingToken);
                backoff.Succeeded();
                await Task.Delay(Apart, time, stoppingToken);
                if (!hasMore && !await _news.WaitAsync(Jitter.Spread(Heartbeat), stoppingToken))
                {
                    LogHeartbeat();
                }
            }
            catch (Exception failure) when (
                failure is ApiUnavailableException || !stoppingToken.IsCancellationRequested)
            {
                // The API is away; or the disk is full and gives no fresh number; or an answer that nobody foresaw. The
                // rest of the agent can do without reports.
                var away = failure as ApiUnavailableException;
                if (away is not null)
                {
                    meter.ApiFailed();
                }

                var delay = backoff.Failed(away?.RetryAfter);
                LogUnreported(
                    away?.Message ?? $"{failure.GetType().Name}: {failure.Message}", delay.TotalSeconds);
                await Task.Delay(delay, time, stoppingToken);
            }
        }
    }

    private async Task<bool> Send(CancellationToken cancel)
    {
        var report = Compose();
        try
        {
            var receipt = await api.PutObservedState(report, cancel);
            state.SkipReportNumbersTo(receipt.ReportNumber);
            if (receipt.Standing != _standing)
            {
                LogStanding(receipt.Standing);
                _standing = receipt.Standing;
            }

            if (receipt.ReportNumber > report.ReportNumber)
            {
                // The server had heard a higher number: it answered, and changed nothing.
                PutBack(report);
                return true;
            }
        }
        catch
        {
            PutBack(report);
            throw;
        }

        meter.Reported();
        failpoint.Pass(AgentPoints.Reported);
        lock (_lock)
        {
            // Said in a life of the history that is over: it must be said again.
            if (report.Epoch == book.Mark.Epoch)
            {
                strays.Told(report.Strays);
                foreach (var row in report.Rows)
                {
                    _told[row.Domain] = row;
                }
            }

            return _pending.Count > 0;
        }
    }

    private ObservedStateReport Compose()
    {
        // First: without a number the rows must stay where they are.
        var number = state.NextReportNumber();
        lock (_lock)
        {
            IReadOnlyList<ObservedDomain> rows = [.. _pending.Values.Take(Routes.MaxRowsPerReport)];
            foreach (var row in rows)
            {
                _pending.Remove(row.Domain);
            }

            var process = view.Process;
            var mark = book.Mark;
            return new ObservedStateReport(
                number, mark.Epoch, mark.Revision, IsSynced(rows),
                process is null ? null : new HAProxyProcess(process.Version, process.Pid, process.StartedAt),
                AgentVersion.Text,
                rows)
            {
                FreshAt = freshness.FreshAt,
                Alarms = alarms.Active,
                Strays = _isCaughtUp ? strays.News() : null,
                Visits = visitors.Take(),
            };
        }
    }

    /// <summary>Every name that the book holds has been told about, by reports before this one or by this
    /// one.</summary>
    private bool IsSynced(IReadOnlyList<ObservedDomain> rows)
    {
        if (!_isCaughtUp || view.Process is null || _pending.Count > 0)
        {
            return false;
        }

        var now = rows.ToDictionary(row => row.Domain);
        return book.All((_, entry) =>
            (now.GetValueOrDefault(entry.Domain) ?? _told.GetValueOrDefault(entry.Domain))?.Revision == entry.Revision);
    }

    private void PutBack(ObservedStateReport report)
    {
        visitors.PutBack(report.Visits);
        lock (_lock)
        {
            foreach (var row in report.Rows)
            {
                // A newer finding may have come in meanwhile.
                _pending.TryAdd(row.Domain, row);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "Not reported ({Reason}); next try in {Seconds:0.0} s")]
    private partial void LogUnreported(string reason, double seconds);

    [LoggerMessage(LogLevel.Debug, "Heartbeat")]
    private partial void LogHeartbeat();

    [LoggerMessage(LogLevel.Information, "The control plane counts this node as {Standing}")]
    private partial void LogStanding(string standing);
}
