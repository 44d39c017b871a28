namespace CertCentralSandbox.Time;

/// <summary>The machine's clock moved by a fixed amount, so that a whole fleet of programs can be aged
/// together.</summary>
internal sealed class OffsetTime(TimeProvider inner, TimeSpan offset) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + offset;

    public override long GetTimestamp() => inner.GetTimestamp();

    public override long TimestampFrequency => inner.TimestampFrequency;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        inner.CreateTimer(callback, state, dueTime, period);

    /// <summary>The clock that the environment variable CLOCK_OFFSET asks for; a malformed one ends the
    /// program.</summary>
    public static TimeProvider FromEnvironment() =>
        Environment.GetEnvironmentVariable("CLOCK_OFFSET") switch
        {
            null or "" => System,
            var text when Durations.TryParse(text, out var offset) => new OffsetTime(System, offset),
            var text => throw new InvalidOperationException($"CLOCK_OFFSET is not a duration: '{text}'."),
        };
}
