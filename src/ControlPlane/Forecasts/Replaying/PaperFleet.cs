namespace ControlPlane.Forecasts.Replaying;

/// <summary>What is replayed. The defaults are a bad enough life: all names come at once, the CA is away for a day in
/// each year, and one look of hundred fails.</summary>
/// <param name="Domains">How many, from 1 to <see cref="MostDomains"/>.</param>
/// <param name="LifetimeDays">Of each certificate, from <see cref="ShortestDays"/> to
/// <see cref="LongestDays"/>.</param>
internal sealed record PaperFleet(int Domains, int LifetimeDays)
{
    public const int MostDomains = 1_000_000;

    /// <summary>Certificates of two days leave no room for a CA that is away for one.</summary>
    public const int ShortestDays = 3;

    /// <summary>The longest that any public CA ever issued since 2020.</summary>
    public const int LongestDays = 398;

    /// <summary>Two years, one of them a leap year.</summary>
    public const int Days = 731;

    /// <summary>The day from which certificates last 47 days; only the calendar of the output depends on it.</summary>
    public static readonly DateTimeOffset Start = new(2029, 3, 15, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The first orders come evenly over so many days; 0: all at the first moment, as one file.</summary>
    public int ArriveOverDays { get; init; }

    /// <summary>The share of the CA's looks that do not find the token, from 0 to 0.5; each is repeated on the
    /// product's schedule.</summary>
    public double FailedLooks { get; init; } = 0.01;

    /// <summary>How long no call reaches the CA in the middle of each year; 0: never.</summary>
    public double OutageHours { get; init; } = 24;

    public static DateTimeOffset End => Start.AddDays(Days);
}
