namespace ControlPlane.Webhooks.Sending;

/// <summary>
/// When a receiver is asked again, as literals with the elapsed time beside each. An event that fails is put aside and
/// goes by <see cref="After"/>, while later ones go on. When five in a row fail, the receiver is down and not the
/// event: it is then left in peace by <see cref="Holds"/>, and what happens meanwhile stays where it is, in the feed.
/// </summary>
internal static class DeliverySchedule
{
    private static readonly IReadOnlyList<TimeSpan> Retries =
    [
        Seconds(5), // 5 s
        Seconds(30), // 35 s
        Minutes(2), // 2.6 min
        Minutes(10), // 12.6 min
        Minutes(30), // 43 min
        Hours(1), // 1.7 h
        Hours(3), // 4.7 h
        Hours(6), // 10.7 h
        Hours(12), // 22.7 h
        Hours(24), // 1.9 days
        Hours(24), // 2.9 days
    ];

    /// <summary>Stays at the last: a receiver that is back is noticed within ten minutes.</summary>
    public static readonly IReadOnlyList<TimeSpan> Holds =
        [Seconds(5), Seconds(30), Minutes(2), Minutes(5), Minutes(10)];

    /// <summary>However long a receiver asks us to wait.</summary>
    public static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(24);

    /// <summary>How long rows of what came to an end are kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    /// <summary>When to try again after so many attempts, up to a fifth earlier or later, so that what failed together
    /// does not come back together; null after the last.</summary>
    public static DateTimeOffset? After(int attempts, DateTimeOffset now) => attempts > Retries.Count
        ? null
        : now + (Retries[attempts - 1] * (0.8 + (0.4 * Random.Shared.NextDouble())));

    private static TimeSpan Seconds(double n) => TimeSpan.FromSeconds(n);

    private static TimeSpan Minutes(double n) => TimeSpan.FromMinutes(n);

    private static TimeSpan Hours(double n) => TimeSpan.FromHours(n);
}
