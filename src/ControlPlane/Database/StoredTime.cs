namespace ControlPlane.Database;

/// <summary>The time as the database will give it back.</summary>
internal static class StoredTime
{
    /// <summary>Now, UTC, in whole microseconds, which is what PostgreSQL keeps: the first answer shows the same time
    /// as every later one.</summary>
    public static DateTimeOffset NowStored(this TimeProvider time)
    {
        var now = time.GetUtcNow().ToUniversalTime();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }
}
