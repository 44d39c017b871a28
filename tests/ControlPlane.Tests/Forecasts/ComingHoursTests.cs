using ControlPlane.CertificateAuthorities;
using ControlPlane.Forecasts;
using ControlPlane.Forecasts.Coming;

namespace ControlPlane.Tests.Forecasts;

public sealed class ComingHoursTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 2, 9, 30, 0, TimeSpan.Zero);
    private static readonly OpenWork Nothing = new(0, 0, 0);

    [Fact]
    public void Nothing_to_do_is_no_call()
    {
        var forecast = ComingHours.Of(Now, [], Nothing);
        Assert.Equal((47 * 24, 0L), (forecast.Hours.Count, forecast.Hours.Sum(hour => hour.Calls)));
        Assert.Equal(new DateTimeOffset(2026, 3, 2, 9, 0, 0, TimeSpan.Zero), forecast.Hours[0].At);
        Assert.Null(forecast.FirstHourThatDoesNotFit);
    }

    [Fact]
    public void A_renewal_comes_again_after_two_thirds_of_a_life()
    {
        var forecast = ComingHours.Of(Now, [new PlannedRenewal(ComingHours.HourOf(Now.AddHours(5)), 144, 10)], Nothing);
        var busy = forecast.Hours.Index().Where(hour => hour.Item.Renewals > 0).ToList();
        Assert.Equal([5, 101, 197], busy.Take(3).Select(hour => hour.Index));
        Assert.All(busy, hour => Assert.Equal(
            (10, (10 * OrderCalls.PerOrder) + OrderCalls.PollsPerHour, 0L),
            (hour.Item.Renewals, (int)hour.Item.Calls, hour.Item.CallsWaiting)));
        Assert.Null(forecast.FirstHourThatDoesNotFit);
    }

    [Fact]
    public void What_is_overdue_is_due_now()
    {
        var forecast = ComingHours.Of(Now, [new PlannedRenewal(Now.AddDays(-3), 47 * 24, 7)], Nothing);
        Assert.Equal(7, forecast.Hours[0].Renewals);
    }

    [Fact]
    public void What_does_not_fit_waits_and_is_made_up_for()
    {
        const int rows = 100_000;
        var forecast = ComingHours.Of(Now, [], Nothing with { ImportRows = rows });
        Assert.Equal(forecast.Hours[0].At, forecast.FirstHourThatDoesNotFit);
        Assert.All(forecast.Hours, hour => Assert.InRange(hour.Calls, 0, forecast.RenewalBudgetPerHour));
        var working = forecast.Hours.Count(hour => hour.Calls > 0);
        Assert.Equal(
            ((long)rows * OrderCalls.PerOrder) + (working * OrderCalls.PollsPerHour),
            forecast.Hours.Sum(hour => hour.Calls));
        Assert.Equal(0, forecast.Hours[working].CallsWaiting);
    }

    [Fact]
    public void The_hourly_budget_is_what_the_windows_grant()
    {
        Assert.Equal(950 * 3600 / 181, ComingHours.Budget);
        Assert.Equal((int)(ComingHours.Budget * CallBudget.RenewalShare), ComingHours.RenewalBudget);
    }

    [Fact]
    public void The_table_has_a_line_for_each_day()
    {
        var table = ForecastTable.Of(ComingHours.Of(Now, [], Nothing with { ImportRows = 100_000 }));
        Assert.Contains("2026-03-02 ", table, StringComparison.Ordinal);
        Assert.Contains("2026-04-17 ", table, StringComparison.Ordinal);
        Assert.EndsWith("It does not fit from 2026-03-02 09:00 UTC on: calls wait for a later hour.", table);
    }
}
