namespace ControlPlane.Forecasts.Replaying;

/// <summary>What became of a <see cref="PaperFleet"/>.</summary>
/// <param name="Fleet">What was replayed.</param>
/// <param name="OrdersByDay">Orders placed on each day, first orders and renewals.</param>
/// <param name="Bought">Those that cost money; the others were reissues.</param>
/// <param name="Outages">When the CA was away.</param>
/// <param name="FirstCycleDays">Days until every domain had its second certificate.</param>
/// <param name="LateRenewals">Certificates that ended while they were served.</param>
/// <param name="SmallestMargin">What the one that was replaced last had left; null: none was replaced.</param>
internal sealed record ReplayResult(
    PaperFleet Fleet, IReadOnlyList<int> OrdersByDay, int Bought,
    IReadOnlyList<(DateTimeOffset From, DateTimeOffset Until)> Outages, int FirstCycleDays, int LateRenewals,
    TimeSpan? SmallestMargin)
{
    public long Orders { get; } = OrdersByDay.Sum(orders => (long)orders);

    public required long Calls { get; init; }

    /// <summary>Calls beyond a window of the budget, by a count of its own: 0 unless the budget is broken.</summary>
    public required long CallsOverBudget { get; init; }

    /// <summary>In the fullest minute, wherever it begins.</summary>
    public required int PeakCallsPerMinute { get; init; }

    /// <summary>The same without the first orders.</summary>
    public required int PeakCallsPerMinuteRenewing { get; init; }

    /// <summary>How even the days are, from the first cycle on. Days of an outage, and the day after it, when its
    /// orders are made up for, are left out.</summary>
    public DailyLevel Level => DailyLevel.Of(
        [
            .. OrdersByDay.Index().Skip(FirstCycleDays).Where(day => !IsUpset(day.Index)).Select(day => day.Item),
        ]);

    /// <summary>Days after the first cycle that <see cref="Level"/> leaves out.</summary>
    public int UpsetDays => Enumerable.Range(0, OrdersByDay.Count).Skip(FirstCycleDays).Count(IsUpset);

    private bool IsUpset(int day)
    {
        var midnight = PaperFleet.Start.AddDays(day);
        return Outages.Any(outage => midnight.AddDays(1) > outage.From && midnight.AddDays(-1) <= outage.Until);
    }
}

/// <summary>How even some days are.</summary>
/// <param name="Days">How many they are.</param>
/// <param name="Least">Orders on the quietest.</param>
/// <param name="Mean">Orders on the average day.</param>
/// <param name="Most">Orders on the busiest.</param>
/// <param name="Within">Days within <see cref="Tolerance"/> of the mean.</param>
internal sealed record DailyLevel(int Days, int Least, double Mean, int Most, int Within)
{
    /// <summary>A share of the mean.</summary>
    public const double Tolerance = 0.2;

    public static DailyLevel Of(IReadOnlyList<int> orders)
    {
        if (orders.Count == 0)
        {
            return new DailyLevel(0, 0, 0, 0, 0);
        }

        var mean = orders.Average();
        return new DailyLevel(
            orders.Count, orders.Min(), mean, orders.Max(),
            orders.Count(day => Math.Abs(day - mean) <= Tolerance * mean));
    }
}
