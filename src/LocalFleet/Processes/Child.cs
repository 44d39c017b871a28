using System.Diagnostics;

namespace LocalFleet.Processes;

/// <summary>What to start, and how to end it.</summary>
internal sealed record ChildStart(string Program, IReadOnlyList<string> Arguments)
{
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>Not where we stand, unless said so: the user a child runs as may not be allowed to look
    /// there.</summary>
    public string WorkingDirectory { get; init; } = "/";

    /// <summary>The user to become when we are root.</summary>
    public string? User { get; init; }

    /// <summary>Asks it to end in good order.</summary>
    public int StopSignal { get; init; } = Signals.Terminate;

    /// <summary>What the kernel sends it when this program ends, however it ends.</summary>
    public int DeathSignal { get; init; } = Signals.Kill;
}

/// <summary>A running child, leader of its own process group.</summary>
internal sealed class Child : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ChildStart _start;

    private Child(Process process, ChildStart start)
    {
        (_process, _start) = (process, start);
        Pid = process.Id;
        Exit = WaitAsync();
    }

    public int Pid { get; }

    /// <summary>Its exit status; 128 + n after signal n.</summary>
    public Task<int> Exit { get; }

    public static async Task<Child> StartAsync(ChildStart start, string logFile) => new(
        await Spawner.StartAsync(start, logFile), start);

    /// <summary>Asks it to end, and kills it when it has not within <paramref name="patience"/>.</summary>
    /// <returns>False when it had to be killed.</returns>
    public async Task<bool> StopAsync(TimeSpan patience, TimeProvider time)
    {
        Signals.Send(Pid, _start.StopSignal);
        try
        {
            await Exit.WaitAsync(patience, time);
            return true;
        }
        catch (TimeoutException)
        {
            await KillAsync();
            return false;
        }
    }

    /// <summary>SIGKILL to the process and everything it started: nothing is written, nothing is said.</summary>
    public async Task KillAsync()
    {
        if (!Exit.IsCompleted && !Signals.Send(-Pid, Signals.Kill))
        {
            // Not yet the leader of its group: it has only just been forked.
            Signals.Send(Pid, Signals.Kill);
        }

        await Exit;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private async Task<int> WaitAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }
}
