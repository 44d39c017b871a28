using System.Collections.Concurrent;
using ControlPlane.Contracts;

namespace SyncAgent.Syncing;

/// <summary>
/// Names that fail: each waits by itself, longer every time. One that has failed often is set aside: told once with its
/// cause, counted, and tried at the slow end of <see cref="Backoff.ForDomain"/> from then on. A new revision is another
/// bundle and begins anew.
/// </summary>
internal sealed partial class Quarantine(ILogger<Quarantine> log)
{
    /// <summary>Half a minute of tries: longer than a reload or a busy moment takes.</summary>
    private const int SetAsideAfter = 5;

    /// <summary>HAProxy's word against a file is believed at the third time: once may be another writer's transaction,
    /// and a file that it refuses would stop its next start.</summary>
    private const int BelievedAfter = 3;

    private readonly ConcurrentDictionary<string, Failing> _failing = new(StringComparer.Ordinal);

    /// <summary>How many names are set aside now.</summary>
    public int Count => _failing.Count(failing => failing.Value.Backoff.Failures >= SetAsideAfter);

    /// <summary>True for a name whose last try failed.</summary>
    public bool IsFailing(string hostname) => _failing.ContainsKey(hostname);

    public bool IsBelieved(string hostname) =>
        _failing.TryGetValue(hostname, out var failing) && failing.Backoff.Failures >= BelievedAfter;

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

    public void Succeeded(string hostname) => _failing.TryRemove(hostname, out _);

    [LoggerMessage(LogLevel.Error, "{Hostname} is set aside after failing again and again ({Code}: {Detail}); it is "
        + "tried every few minutes and holds up nobody")]
    private partial void LogSetAside(string hostname, string code, string detail);

    private sealed record Failing(long Revision, Backoff Backoff);
}
