using ControlPlane.Campaigns.Planning;
using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Tests.Campaigns;

public sealed class CampaignPaceTests
{
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Order = TimeSpan.FromSeconds(4);

    [Fact]
    public void A_few_orders_take_a_turn_and_the_time_of_one() =>
        Assert.Equal(
            [Turn / 2 + Order, Turn / 2 + Order, Turn / 2 + Turn + Order], Pace(ordersPerTurn: 2).Proofs(Of(3), []));

    /// <summary>The renewals' share of a window of 950 calls is 665: 221 orders of three calls. The others wait until
    /// the window has rolled.</summary>
    [Fact]
    public void What_the_long_window_does_not_let_through_waits_until_it_has_rolled()
    {
        var proofs = Pace().Proofs(Of(300), []);
        Assert.True(proofs[220] < TimeSpan.FromSeconds(181), $"{proofs[220]}");
        Assert.InRange(proofs[221], TimeSpan.FromSeconds(181), TimeSpan.FromSeconds(200));
        Assert.InRange(proofs[^1], TimeSpan.FromSeconds(200), TimeSpan.FromSeconds(300));
    }

    [Fact]
    public void Calls_that_were_just_spent_are_missing()
    {
        SpentCalls[] spent = [new("certcentral", TimeSpan.FromSeconds(60), 665), new("another", default, 665)];
        Assert.Equal(
            TimeSpan.FromSeconds(122.5) + Order, Assert.Single(Pace().Proofs(Of(1), spent)));
    }

    /// <summary>In the long run the windows decide; the turn after one has rolled may be five seconds later.</summary>
    [Fact]
    public void A_hundred_thousand_go_at_the_pace_of_the_windows()
    {
        const int Orders = 100_000;
        var proofs = Pace().Proofs(Of(Orders), []);
        var windows = (double)Orders * 3 / 665 * 181;
        Assert.InRange(proofs[^1].TotalSeconds, windows, windows * 1.03);
    }

    /// <summary>A share that rounds to nothing would take for ever.</summary>
    [Fact]
    public void A_budget_of_one_order_lets_one_through() =>
        Assert.Equal(
            TimeSpan.FromSeconds(12.5),
            Pace(new CallWindows(1, 1, 6, 1)).Proofs(Of(2), [])[^1] - Order);

    /// <summary>Each CA has windows of its own; what waits for one takes room at the door from the other.</summary>
    [Fact]
    public void Orders_of_another_CA_go_on_while_there_is_room_at_the_door()
    {
        var costs = new CallCosts(
            new Dictionary<string, IReadOnlyList<BudgetCost>>
            {
                ["slow"] = [new("slow", new CallWindows(1, 1, 60, 1), 1)],
                ["quick"] = [new("quick", CallWindows.CertCentral, 3)],
            },
            "slow");
        var proofs = new CampaignPace(costs, 2, Turn, Order).Proofs(["slow", "slow", "quick", "quick", "quick"], []);
        var first = Turn / 2 + Order;
        Assert.Equal([first, first + (Turn * 13), first + Turn, first + (Turn * 2), first + (Turn * 3)], proofs);
    }

    private static CampaignPace Pace(CallWindows? windows = null, int ordersPerTurn = 12) => new(
        new CallCosts("certcentral", new BudgetCost("certcentral", windows ?? CallWindows.CertCentral, 3)),
        ordersPerTurn, Turn, Order);

    private static string[] Of(int orders) => [.. Enumerable.Repeat("certcentral", orders)];
}
