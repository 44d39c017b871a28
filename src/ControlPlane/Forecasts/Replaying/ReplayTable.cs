namespace ControlPlane.Forecasts.Replaying;

/// <summary>A replay for people at a terminal.</summary>
internal static class ReplayTable
{
    public static string Of(ReplayResult result)
    {
        var (fleet, level) = (result.Fleet, result.Level);
        var tolerance = DailyLevel.Tolerance * 100;
        var renewing = result.PeakCallsPerMinuteRenewing;
        var arrival = fleet.ArriveOverDays == 0 ? "all at once" : $"over {fleet.ArriveOverDays} days";
        var away = result.Outages.Count == 0 ? "never away" : $"away for {fleet.OutageHours:0.#} h each year";
        return $"""
            {fleet.Domains:N0} domains come {arrival}; certificates last {fleet.LifetimeDays} days.
            The CA is {away}, and {fleet.FailedLooks:P1} of its looks fail. {PaperFleet.Days:N0} simulated days.

            Orders                    {result.Orders,12:N0}   {result.Bought:N0} bought, the others reissued for nothing
            CA calls                  {result.Calls,12:N0}   {OrderCalls.PerOrder} an order, repeats, the status poll
            CA calls over the budget  {result.CallsOverBudget,12:N0}
            Peak CA calls a minute    {result.PeakCallsPerMinute,12:N0}   {renewing:N0} once all are served
            First cycle               {result.FirstCycleDays,12:N0}   days until all have their second certificate
            Renewals a day after it   {level.Mean,12:N1}   on average; {level.Least:N0} to {level.Most:N0}
            Days within ±{tolerance} % of it   {level.Within,12:N0}   of {level.Days:N0}{Without(result)}
            Late renewals             {result.LateRenewals,12:N0}
            Smallest margin           {result.SmallestMargin?.TotalDays ?? 0,12:N1}   days to expiry
            """;
    }

    private static string Without(ReplayResult result) => result.UpsetDays == 0
        ? ""
        : $"; {result.UpsetDays} days around CA outages not counted";
}
