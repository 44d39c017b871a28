using System.Xml.Linq;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Forecasts.Replaying;

namespace ControlPlane.Tests.Forecasts;

/// <summary>Two years of fleets on paper.</summary>
public sealed class ReplayTests
{
    [Theory]
    [InlineData(3_000, 47, 0)]
    [InlineData(1_000, 47, 30)]
    [InlineData(1_000, 100, 0)]
    [InlineData(1_000, 100, 21)]
    [InlineData(300, 6, 0)]
    public void No_certificate_ends_no_budget_breaks_and_the_days_are_level(int domains, int lifetime, int arriveOver)
    {
        var result = Replay.Run(new PaperFleet(domains, lifetime) { ArriveOverDays = arriveOver });
        Assert.Equal((0, 0L), (result.LateRenewals, result.CallsOverBudget));
        // A third of a life, less the day on which the CA was away.
        Assert.True(result.SmallestMargin > TimeSpan.FromDays((lifetime / 3.0) - 3), $"{result.SmallestMargin}");
        Assert.True(result.Level.Days > PaperFleet.Days - arriveOver - lifetime - 10, $"{result.Level}");
        Assert.True(result.Level.Within == result.Level.Days, $"{result.Level}");
    }

    /// <summary>Of 199 days, the last certificate of an order's year is cut: the days are not level, and all is in
    /// time.</summary>
    [Fact]
    public void Long_certificates_are_in_time_too()
    {
        var result = Replay.Run(new PaperFleet(1_000, 199));
        Assert.Equal((0, 0L), (result.LateRenewals, result.CallsOverBudget));
        Assert.True(result.SmallestMargin > TimeSpan.FromDays(25), $"{result.SmallestMargin}");
        Assert.True(result.Bought < 3.5 * result.Fleet.Domains, $"{result.Bought} bought");
    }

    [Fact]
    public void A_CA_that_is_away_for_longer_than_the_margin_makes_late_renewals()
    {
        var result = Replay.Run(new PaperFleet(50, 3) { OutageHours = 96 });
        Assert.True(result.LateRenewals > 0);
        Assert.True(result.SmallestMargin < TimeSpan.Zero);
    }

    [Fact]
    public void The_same_fleet_has_the_same_two_years()
    {
        var fleet = new PaperFleet(50, 47);
        Assert.Equal(ReplayFile.Of(Replay.Run(fleet)), ReplayFile.Of(Replay.Run(fleet)));
    }

    [Fact]
    public void The_cas_view_of_the_calls_finds_a_broken_budget()
    {
        var log = new CallLog(new CallWindows(5, 2, 180, 3));
        foreach (var second in new[] { 0, 1, 4, 9, 14, 185 })
        {
            log.Add(PaperFleet.Start.AddSeconds(second));
        }

        // The third within 5 s; the fourth and fifth within 180 s.
        Assert.Equal((6L, 3L, 5), (log.Calls, log.Over, log.PeakPerMinute));
    }

    [Fact]
    public void The_paper_budget_uses_a_window_up_and_no_more()
    {
        var windows = CallWindows.CertCentral;
        var (budget, log) = (new PaperBudget(windows), new CallLog(windows));
        for (var now = PaperFleet.Start; now < PaperFleet.Start.AddMinutes(10); now += PaperBudget.Pause)
        {
            while (budget.TryTake(now, CallPriority.New))
            {
                log.Add(now);
            }
        }

        Assert.Equal(0, log.Over);
        // Ten minutes hold three windows whole, each a second longer than the CA's, and the beginning of a fourth.
        Assert.Equal(4 * windows.LongLimit, log.Calls);
    }

    [Fact]
    public void Renewals_stop_at_their_share_and_new_domains_do_not()
    {
        var budget = new PaperBudget(CallWindows.CertCentral);
        var now = PaperFleet.Start;
        var renewals = Enumerable.Range(0, 200).Count(_ => budget.TryTake(now, CallPriority.Renewal));
        var others = Enumerable.Range(0, 200).Count(_ => budget.TryTake(now, CallPriority.New));
        Assert.Equal((66, 29), (renewals, others));
    }

    [Fact]
    public void The_picture_is_whole_in_itself_and_told_in_words()
    {
        var result = Replay.Run(new PaperFleet(50, 47));
        var svg = XDocument.Parse(ReplayPlot.Of(result)).Root!;
        var space = svg.Name.Namespace;
        Assert.Equal("img", svg.Attribute("role")!.Value);
        Assert.Contains("50 domains", svg.Element(space + "title")!.Value, StringComparison.Ordinal);
        Assert.Contains(
            $"{result.Level.Within} of {result.Level.Days} days", svg.Element(space + "desc")!.Value,
            StringComparison.Ordinal);
        Assert.DoesNotContain(
            svg.Descendants(), element => element.Attributes().Any(one => one.Name.LocalName is "href" or "src"));
        Assert.Contains("prefers-color-scheme: dark", svg.Value, StringComparison.Ordinal);
    }
}
