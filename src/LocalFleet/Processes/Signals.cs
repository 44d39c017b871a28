using System.Runtime.InteropServices;

namespace LocalFleet.Processes;

/// <summary>kill(2), because the framework can only send SIGKILL.</summary>
internal static partial class Signals
{
    public const int Interrupt = 2;
    public const int Quit = 3;
    public const int Kill = 9;
    public const int Terminate = 15;

    /// <summary>False when there is no such process (or group, for a negative id).</summary>
    public static bool Send(int pid, int signal) => SendSignal(pid, signal) == 0;

    /// <summary>The word that setpriv(1) knows a signal by.</summary>
    public static string NameOf(int signal) => signal switch
    {
        Interrupt => "INT",
        Quit => "QUIT",
        Kill => "KILL",
        Terminate => "TERM",
        _ => throw new ArgumentOutOfRangeException(nameof(signal), signal, "Not a signal we send."),
    };

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);
}
