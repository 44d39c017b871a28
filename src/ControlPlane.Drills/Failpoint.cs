using System.Diagnostics;

namespace ControlPlane.Drills;

/// <summary>
/// Named points at which a drill ends the process as a power cut would, by SIGKILL.
/// <c>CRASH_AT=&lt;point&gt;@&lt;hostname&gt;</c> names one, <c>CRASH_AT=&lt;point&gt;</c> names it for every hostname.
/// Several, separated by commas, share one end: whoever reaches one stands still there, and the process dies when each
/// has been reached, at every one of them at once. <c>CRASH_TRACE=&lt;file&gt;</c> lists those passed, one
/// <c>&lt;point&gt;@&lt;hostname&gt;</c> a line, from which drills are generated. In production neither is set, and a
/// point costs two comparisons.
/// </summary>
internal sealed class Failpoint
{
    private readonly HashSet<string> _crashAt;
    private readonly HashSet<string> _notReached;
    private readonly string? _traceFile;
    private readonly Lock _lock = new();

    public Failpoint(string? crashAt, string? traceFile)
    {
        _crashAt = [.. (crashAt ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries)];
        _notReached = [.. _crashAt];
        _traceFile = traceFile;
        if (_crashAt.Count > 1)
        {
            // Each that stands still keeps a thread.
            ThreadPool.GetMinThreads(out var workers, out var ports);
            ThreadPool.SetMinThreads(workers + _crashAt.Count, ports);
        }
    }

    public static Failpoint None { get; } = new(null, null);

    /// <summary>What the environment of this process asked for when it started.</summary>
    public static Failpoint OfThisProcess { get; } = new(Asked("CRASH_AT"), Asked("CRASH_TRACE"));

    /// <summary>True when steps must be taken one by one, so that the process can die between two of them.</summary>
    public bool IsArmed => _crashAt.Count > 0 || _traceFile is not null;

    /// <param name="point">Names what has just been done.</param>
    /// <param name="hostname">For whom; left out where it was for all.</param>
    public void Pass(string point, string? hostname = null)
    {
        if (_traceFile is not null)
        {
            lock (_lock)
            {
                File.AppendAllText(_traceFile, $"{point}@{hostname}\n");
            }
        }

        if (_crashAt.Count > 0 && Named(point, hostname) is { } named)
        {
            Die(named);
        }
    }

    private string? Named(string point, string? hostname) =>
        _crashAt.Contains(point) ? point
        : _crashAt.Contains($"{point}@{hostname}") ? $"{point}@{hostname}"
        : null;

    private void Die(string named)
    {
        bool isLast;
        lock (_lock)
        {
            _notReached.Remove(named);
            isLast = _notReached.Count == 0;
        }

        if (isLast)
        {
            using var self = Process.GetCurrentProcess();
            self.Kill();
        }

        // The signal may arrive a moment later, or with the last of the points; nothing of this worker runs until then.
        using var never = new ManualResetEventSlim();
        never.Wait();
    }

    private static string? Asked(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;
}
