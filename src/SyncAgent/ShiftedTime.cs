using System.Globalization;

namespace SyncAgent;

/// <summary>The system's clock, moved by <c>CLOCK_OFFSET</c> (a TimeSpan such as <c>30.00:00:00</c>) so that tests can
/// age the program. Elapsed time is not moved.</summary>
internal sealed class ShiftedTime(TimeSpan offset) : TimeProvider
{
    public static TimeProvider FromEnvironment()
    {
        var text = Environment.GetEnvironmentVariable("CLOCK_OFFSET");
        return string.IsNullOrEmpty(text)
            ? System
            : new ShiftedTime(TimeSpan.Parse(text, CultureInfo.InvariantCulture));
    }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + offset;
}
