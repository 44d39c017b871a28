namespace ControlPlane;

/// <summary>The system clock, moved by the time span in CLOCK_OFFSET (such as <c>1.00:00:00</c> for a day): drills and tests
/// age a process with it. Timers run at the usual pace.</summary>
internal sealed class ShiftedClock(TimeSpan offset) : TimeProvider
{
    public static TimeProvider FromEnvironment() =>
        Environment.GetEnvironmentVariable("CLOCK_OFFSET") is { Length: > 0 } text
            ? new ShiftedClock(TimeSpan.Parse(text))
            : System;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + offset;
}
