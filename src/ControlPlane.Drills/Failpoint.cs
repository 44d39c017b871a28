using System.Diagnostics;

namespace ControlPlane.Drills;

/// <summary>
/// Named points at which a drill ends the process as a power cut would, by SIGKILL.
/// <c>CRASH_AT=&lt;point&gt;@&lt;hostname&gt;</c> names one, <c>CRASH_AT=&lt;point&gt;</c> names it for every hostname;
/// <c>CRASH_TRACE=&lt;file&gt;</c> lists those passed, one <c>&lt;point&gt;@&lt;hostname&gt;</c> a line, from which
/// drills are generated. In production neither is set, and a point costs two comparisons.
/// </summary>
internal sealed class Failpoint(string? crashAt, string? traceFile)
{
    private readonly Lock _trace = new();

    public static Failpoint None { get; } = new(null, null);

    /// <summary>What the environment of this process asked for when it started.</summary>
    public static Failpoint OfThisProcess { get; } = new(Asked("CRASH_AT"), Asked("CRASH_TRACE"));

    /// <summary>True when steps must be taken one by one, so that the process can die between two of them.</summary>
    public bool IsArmed => crashAt is not null || traceFile is not null;

    /// <param name="point">Names what has just been done.</param>
    /// <param name="hostname">For whom; left out where it was for all.</param>
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
            self.WaitForExit();
        }
    }

    private static string? Asked(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;
}
