using System.Collections.Concurrent;
using ControlPlane.Contracts;

namespace SyncAgent.Syncing;

/// <summary>
/// Names that fail: each waits by itself, longer every time. One that has failed often is set aside: told once with its
/// cause, counted, and tried at the slow end of <see cref="Backoff.ForDomain"/> from then on. A new revision is another
/// bundle and begins anew.
/// </summary>
internal sealed partial class Quarantine(Alarms alarms, TimeProvider time, ILogger<Quarantine> log)
{
    /// <summary>Half a minute of tries: longer than a reload or a busy moment takes.</summary>
    private const int SetAsideAfter = 5;

    /// <summary>HAProxy's word against a file is believed at the third time: once may be another writer's transaction,
    /// and a file that it refuses would stop its next start.</summary>
    private const int BelievedAfter = 3;

    /// <summary>Files are set aside on HAProxy's word within this time, no more than names may be withdrawn unapproved
    /// within an hour (<see cref="WithdrawalAllowance.Of"/>).</summary>
    private static readonly TimeSpan AsideWindow = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private readonly Queue<long> _aside = [];
    private readonly ConcurrentDictionary<string, Failing> _failing = new(StringComparer.Ordinal);

    /// <summary>How many names are set aside now.</summary>
    public int Count => _failing.Count(failing => failing.Value.Backoff.Failures >= SetAsideAfter);

    /// <summary>True for a name whose last try failed.</summary>
    public bool IsFailing(string hostname) => _failing.ContainsKey(hostname);

    /// <summary>Whether a whole file that HAProxy refuses to load is to be set aside now. A HAProxy that refuses one
    /// after the other, because it is another version or answers in other words, must not empty the directory: what it
    /// serves it goes on serving, and somebody is called.</summary>
    /// <param name="hostname">The name, whose failure was counted (<see cref="Failed"/>).</param>
    /// <param name="names">How many names the node has.</param>
    public bool MaySetFileAside(string hostname, int names)
    {
        if (!_failing.TryGetValue(hostname, out var failing) || failing.Backoff.Failures < BelievedAfter)
        {
            return false;
        }

        var allowed = WithdrawalAllowance.Of(names);
        lock (_lock)
        {
            ForgetOld();
            if (_aside.Count < allowed)
            {
                _aside.Enqueue(time.GetTimestamp());
                return true;
            }
        }

        alarms.Raise(
            NodeAlarmCodes.FilesRefused,
            $"HAProxy refuses to load files that are whole: {allowed} were set aside within a day, and no more are. "
            + "Its next start may fail; look at its version and at what it answers (the refusals quote it).");
        return false;
    }

    /// <returns>How long to wait before the next try.</returns>
    public TimeSpan Failed(string hostname, long revision, NodeError? cause)
    {
        var failing = _failing.AddOrUpdate(
            hostname,
            _ => new Failing(revision, Backoff.ForDomain()),
            (_, before) => before.Revision == revision ? before : new Failing(revision, Backoff.ForDomain()));
        var delay = failing.Backoff.Failed();
        if (failing.Backoff.Failures == SetAsideAfter)
        {
            LogSetAside(hostname, cause?.Code ?? "surprise", cause?.Detail ?? "see the log");
        }

        return delay;
    }

    public void Succeeded(string hostname)
    {
        _failing.TryRemove(hostname, out _);
        if (!alarms.Has(NodeAlarmCodes.FilesRefused))
        {
            return;
        }

        lock (_lock)
        {
            ForgetOld();
            if (_aside.Count > 0)
            {
                return;
            }
        }

        alarms.Clear(NodeAlarmCodes.FilesRefused);
    }

    private void ForgetOld()
    {
        while (_aside.TryPeek(out var at) && time.GetElapsedTime(at) >= AsideWindow)
        {
            _aside.Dequeue();
        }
    }

    [LoggerMessage(LogLevel.Error, "{Hostname} is set aside after failing again and again ({Code}: {Detail}); it is "
        + "tried every few minutes and holds up nobody")]
    private partial void LogSetAside(string hostname, string code, string detail);

    private sealed record Failing(long Revision, Backoff Backoff);
}
