using System.Diagnostics;

namespace ControlPlane;

/// <summary>
/// Named points at which a drill kills the process as a power cut would, by SIGKILL. <c>CRASH_AT=&lt;name&gt;@&lt;hostname&gt;</c>
/// names one; <c>CRASH_TRACE=&lt;file&gt;</c> lists those passed, from which the drills are generated. Unset, as in production, a
/// point costs one comparison.
/// </summary>
internal static class Failpoint
{
    private static readonly string? CrashAt = Environment.GetEnvironmentVariable("CRASH_AT");
    private static readonly string? Trace = Environment.GetEnvironmentVariable("CRASH_TRACE");
    private static readonly Lock Writing = new();

    public static void Pass(string name, string hostname)
    {
        if (Trace is not null)
        {
            lock (Writing)
            {
                File.AppendAllText(Trace, $"{name}@{hostname}\n");
            }
        }

        if (CrashAt is not null && CrashAt == $"{name}@{hostname}")
        {
            Process.GetCurrentProcess().Kill();
        }
    }
}
