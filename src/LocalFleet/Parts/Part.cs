using LocalFleet.Processes;

namespace LocalFleet.Parts;

/// <summary>
/// One program of the fleet. Can be stopped, killed and started again, each on its own. Not for concurrent use, except
/// for <see cref="KillAsync"/>, which may be called at any time.
/// </summary>
internal abstract class Part(string name, FleetLayout layout) : IAsyncDisposable
{
    // 2 min: on two busy cores a first start (migration, key generation) was seen to take 10 s.
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);

    // 15 s: a control plane ends its long polls at once and its steps within their own time-outs; then it is killed.
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(15);

    private Child? _child;
    private bool _endIsMine;
    private int _endsAsked;

    /// <summary>Called with the exit status when its process ends and nobody had asked.</summary>
    public Action<Part, int>? WhenDead { get; set; }

    /// <summary>Also the name of its log.</summary>
    public string Name { get; } = name;

    public string LogFile => Layout.Log(Name);

    /// <summary>Added to the environment at the next start, such as <c>CRASH_AT</c>.</summary>
    public Dictionary<string, string?> Environment { get; } = [];

    public bool IsRunning => _child is { Exit.IsCompleted: false };

    /// <exception cref="InvalidOperationException">It was never started.</exception>
    public int Pid => (_child ?? throw new InvalidOperationException($"{Name} was never started.")).Pid;

    protected FleetLayout Layout { get; } = layout;

    /// <summary>Starts it and waits until it answers.</summary>
    /// <exception cref="FleetException">It ended, or did not answer within two minutes; with the tail of its
    /// log.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await LaunchAsync(cancellation);
        await WaitUntilReadyAsync(cancellation);
    }

    /// <summary>Starts it and does not look whether it answers: for drills in which it must not.</summary>
    public async Task LaunchAsync(CancellationToken cancellation)
    {
        if (IsRunning)
        {
            throw new InvalidOperationException($"{Name} runs already.");
        }

        var start = await DescribeAsync(cancellation);
        var environment = new Dictionary<string, string?>(start.Environment)
        {
            // Programs here live for minutes: a method is compiled a second time, optimized, after 768 calls (the value
            // is read as hexadecimal) instead of 30, which takes a quarter of the CPU off a start. Not for production.
            ["DOTNET_TC_CallCountThreshold"] = "300",
        };
        foreach (var (key, value) in Environment)
        {
            environment[key] = value;
        }

        _endIsMine = false;
        _child = await Child.StartAsync(start with { Environment = environment }, LogFile);
        _ = WatchAsync(_child);
    }

    /// <summary>Launches it anew after it ended by itself, unless somebody asks for its end meanwhile.</summary>
    public async Task RelaunchAsync()
    {
        var asked = Volatile.Read(ref _endsAsked);
        await LaunchAsync(CancellationToken.None);
        if (Volatile.Read(ref _endsAsked) != asked)
        {
            await KillAsync();
        }
    }

    public async Task WaitUntilReadyAsync(CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        while (!await IsReadyAsync(cancellation))
        {
            if (!IsRunning)
            {
                throw new FleetException($"{Name} ended while it started.\n{LogTail.Of(LogFile, 15)}");
            }

            if (time.GetElapsedTime(started) > StartLimit)
            {
                throw new FleetException(
                    $"{Name} did not answer within {StartLimit.TotalSeconds:0} s.\n{LogTail.Of(LogFile, 15)}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellation);
        }
    }

    /// <summary>Ends it in good order. Nothing happens when it does not run.</summary>
    public async Task StopAsync()
    {
        AskEnd();
        if (_child is { } child)
        {
            await child.StopAsync(StopLimit, TimeProvider.System);
        }
    }

    /// <summary>SIGKILL, to it and to everything it started.</summary>
    public async Task KillAsync()
    {
        AskEnd();
        if (_child is { } child)
        {
            await child.KillAsync();
        }
    }

    /// <summary>Says that its end is expected (<c>CRASH_AT</c>), and waits for it.</summary>
    /// <returns>The exit status; 137 after SIGKILL.</returns>
    public async Task<int> WaitForExitAsync(CancellationToken cancellation)
    {
        _endIsMine = true;
        return await _child!.Exit.WaitAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        AskEnd();
        if (_child is { } child)
        {
            await child.DisposeAsync();
        }
    }

    /// <summary>Writes what it needs and says how to start it.</summary>
    protected abstract Task<ChildStart> DescribeAsync(CancellationToken cancellation);

    /// <summary>Whether it answers.</summary>
    protected abstract Task<bool> IsReadyAsync(CancellationToken cancellation);

    private void AskEnd()
    {
        _endIsMine = true;
        Interlocked.Increment(ref _endsAsked);
    }

    private async Task WatchAsync(Child child)
    {
        var status = await child.Exit;
        if (!_endIsMine)
        {
            WhenDead?.Invoke(this, status);
        }
    }
}
