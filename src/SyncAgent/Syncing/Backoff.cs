namespace SyncAgent.Syncing;

/// <summary>How long to wait after a failure. Jittered, because a fleet's agents fail at the same moment.</summary>
internal sealed class Backoff(TimeSpan first, TimeSpan longest)
{
    private int _failures;

    /// <summary>For the API: back within a second of a restart, and at most a minute late when it returns after an
    /// outage.
    /// </summary>
    public static Backoff ForApi() => new(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(60));

    /// <summary>For HAProxy on the same machine: a restart takes seconds, and a look costs nothing.</summary>
    public static Backoff ForHaproxy() => new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(2));

    /// <summary>For one name: quick at first (a reload, a full disk just cleaned), then every 5 minutes (a bundle that
    /// will not become better by itself).</summary>
    public static Backoff ForDomain() => new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5));

    /// <summary>Failures in a row.</summary>
    public int Failures => _failures;

    public void Succeeded() => _failures = 0;

    /// <param name="atLeast">What the other side asked for (Retry-After), of this node and of all others: up to a fifth
    /// is added, so that they do not come back together.</param>
    public TimeSpan Failed(TimeSpan? atLeast = null)
    {
        var doubled = first * Math.Pow(2, Math.Min(_failures++, 20));
        var waited = Jitter.Spread(doubled < longest ? doubled : longest);
        // An hour is more than any server means; a broken Retry-After must not silence a node for a year.
        var asked = atLeast is { } least && least > TimeSpan.Zero ? Min(least, TimeSpan.FromHours(1)) : TimeSpan.Zero;
        asked *= 1 + (0.2 * Random.Shared.NextDouble());
        return waited > asked ? waited : asked;
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}

internal static class Jitter
{
    /// <summary>±20 %.</summary>
    public static TimeSpan Spread(TimeSpan middle) => middle * (0.8 + (0.4 * Random.Shared.NextDouble()));
}
