using System.Collections.Concurrent;
using System.Diagnostics;

namespace LocalFleet.Processes;

/// <summary>
/// Starts every child from one thread that never ends. PR_SET_PDEATHSIG watches the <i>thread</i> that forked, not the
/// process: started from the thread pool, a child would be killed whenever the pool shrinks.
/// </summary>
internal static class Spawner
{
    // sh → setsid → setpriv → sh → the program, each by exec, so that the pid stays the program's own.
    // setsid: a Ctrl-C at the terminal reaches us alone, and we end the parts in order; the pid is also a group's id.
    // The user is changed before the death signal is asked for, because changing it clears the signal.
    // The last sh looks whether we still are its parent: we may have died before the signal was asked for.
    private const string Outer = """exec </dev/null >>"$1" 2>&1; shift; exec "$@" """;
    private const string Plain = """exec "$@" """;
    private const string Inner = """[ "$PPID" = "$1" ] || exit 125; shift; exec "$@" """;

    private static readonly BlockingCollection<(ProcessStartInfo Start, TaskCompletionSource<Process> Done)> Queue = [];
    private static readonly Thread Parent = StartParent();

    /// <summary>Starts a program in a session of its own.</summary>
    /// <param name="child">What to start.</param>
    /// <param name="logFile">Both outputs are appended to it; null leaves them to the caller, through pipes.</param>
    public static Task<Process> StartAsync(ChildStart child, string? logFile)
    {
        string[] outer = logFile is null ? ["-c", Plain, "sh"] : ["-c", Outer, "sh", logFile];
        string[] become = child.User is null ? [] : ["--reuid", child.User, "--regid", child.User, "--init-groups"];
        var start = new ProcessStartInfo("/bin/sh", [
            .. outer, "setsid", "setpriv", .. become, "--pdeathsig", Signals.NameOf(child.DeathSignal),
            "sh", "-c", Inner, "sh", Environment.ProcessId.ToString(), child.Program, .. child.Arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = logFile is null,
            RedirectStandardOutput = logFile is null,
            RedirectStandardError = logFile is null,
            WorkingDirectory = child.WorkingDirectory,
        };
        foreach (var (key, value) in child.Environment)
        {
            start.Environment[key] = value;
        }

        var done = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        Debug.Assert(Parent.IsBackground);
        Queue.Add((start, done));
        return done.Task;
    }

    private static Thread StartParent()
    {
        var thread = new Thread(() =>
        {
            foreach (var (start, done) in Queue.GetConsumingEnumerable())
            {
                try
                {
                    done.SetResult(Process.Start(start)!);
                }
                catch (Exception e)
                {
                    done.SetException(e);
                }
            }
        })
        { IsBackground = true, Name = "parent of all children" };
        thread.Start();
        return thread;
    }
}
