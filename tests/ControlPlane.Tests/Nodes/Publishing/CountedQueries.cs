using System.Collections.Concurrent;
using System.Diagnostics;

namespace ControlPlane.Tests.Nodes.Publishing;

/// <summary>Hears every statement that the driver sends to one database, by the driver's own tracing.</summary>
internal sealed class CountedQueries : IDisposable
{
    private readonly ConcurrentQueue<string> _statements = new();
    private readonly ActivityListener _listener;

    public CountedQueries(string database)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.TagObjects.Any(tag => tag.Value is string text && text == database))
                {
                    _statements.Enqueue(string.Join(' ', activity.TagObjects.Select(tag => tag.Value)));
                }
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public int Of(string part) =>
        _statements.Count(text => text.Contains(part, StringComparison.Ordinal));

    public void Clear() => _statements.Clear();

    public void Dispose() => _listener.Dispose();
}
