using System.Collections.Concurrent;

namespace CertCentralSandbox.Web;

/// <summary>Calls since start, by route and status.</summary>
internal sealed class Statistics
{
    /// <summary>The "status" of a call whose connection ended without an answer.</summary>
    public const int LostAnswer = 0;

    private readonly ConcurrentDictionary<(string Route, int Status), long> _calls = new();

    public void Count(string route, int status) => _calls.AddOrUpdate((route, status), 1, (_, n) => n + 1);

    public IReadOnlyDictionary<string, SortedDictionary<string, long>> Read() => _calls
        .GroupBy(c => c.Key.Route)
        .OrderBy(g => g.Key, StringComparer.Ordinal)
        .ToDictionary(
            g => g.Key,
            g => new SortedDictionary<string, long>(
                g.ToDictionary(c => c.Key.Status == LostAnswer ? "lost" : c.Key.Status.ToString(), c => c.Value),
                StringComparer.Ordinal));
}
