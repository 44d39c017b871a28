namespace ControlPlane.Drills;

/// <summary>The machine's clock, moved by the duration in <c>CLOCK_OFFSET</c> (<c>30d</c>, or <c>30.00:00:00</c>), so
/// that drills can age a whole fleet of programs together. Elapsed time is not moved: timers run at their usual
/// pace.</summary>
internal sealed class ShiftedClock(TimeSpan offset) : TimeProvider
{
    /// <summary>The clock that the environment asks for; the system's when it asks for none.</summary>
    /// <exception cref="InvalidOperationException"><c>CLOCK_OFFSET</c> is not a duration: a program that was to be aged
    /// must not run unaged.</exception>
    public static TimeProvider FromEnvironment() => Environment.GetEnvironmentVariable("CLOCK_OFFSET") switch
    {
        null or "" => System,
        var text when Durations.TryParse(text, out var offset) => new ShiftedClock(offset),
        var text => throw new InvalidOperationException($"CLOCK_OFFSET is not a duration: '{text}'."),
    };

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + offset;
}
