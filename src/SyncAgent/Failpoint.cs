using System.Diagnostics;

namespace SyncAgent;

/// <summary>
/// Places where a test may end the process as a power cut would. <c>CRASH_AT=agent.set</c> or
/// <c>CRASH_AT=agent.set@shop.example.com</c> kills with SIGKILL there; <c>CRASH_TRACE=file</c> appends each place
/// passed, so that a test can list them. Both are read once, at start; in production neither is set.
/// </summary>
internal sealed class Failpoint(string? crashAt, string? traceFile)
{
    public const string Staged = "agent.staged";
    public const string Renamed = "agent.renamed";
    public const string Verified = "agent.verified";
    public const string Reported = "agent.reported";

    private readonly Lock _trace = new();

    public static Failpoint None { get; } = new(null, null);

    /// <summary>True when commands must go out one by one, so that the process can die between two of them.</summary>
    public bool IsArmed => crashAt is not null || traceFile is not null;

    public static Failpoint FromEnvironment()
    {
        var crashAt = Environment.GetEnvironmentVariable("CRASH_AT");
        var trace = Environment.GetEnvironmentVariable("CRASH_TRACE");
        return new Failpoint(
            string.IsNullOrEmpty(crashAt) ? null : crashAt, string.IsNullOrEmpty(trace) ? null : trace);
    }

    public void Pass(string point, string? hostname = null)
    {
        if (traceFile is not null)
        {
            lock (_trace)
            {
                File.AppendAllText(traceFile, $"{point}@{hostname}\n");
            }
        }

        if (crashAt is not null && (crashAt == point || crashAt == $"{point}@{hostname}"))
        {
            using var self = Process.GetCurrentProcess();
            self.Kill();
            // The signal may arrive a moment later; nothing of ours runs until then.
            Thread.Sleep(Timeout.Infinite);
        }
    }

    /// <summary>The points inside an injection: <c>agent.set</c>, <c>agent.committed</c>, <c>agent.added</c>.</summary>
    public void PassCommand(string command, string hostname)
    {
        var point = command switch
        {
            "set" => "agent.set",
            "commit" => "agent.committed",
            "add" => "agent.added",
            _ => null,
        };
        if (point is not null)
        {
            Pass(point, hostname);
        }
    }
}
