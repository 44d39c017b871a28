using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;

namespace ControlPlane.Tests.Domains.Running;

/// <summary>Time to active, by who had to act.</summary>
public sealed class WaitsTests
{
    private static readonly DateTimeOffset Start = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Each_wait_is_counted_for_whom_it_was_told_and_together_they_are_the_whole_time()
    {
        var (domain, order) = Registered();
        var now = Start;
        // Not looked at yet: ours.
        order.WaitFor(Reasons.DnsNotThere, "", now += TimeSpan.FromSeconds(1));
        // The same reason once more, then another of the same party.
        order.WaitFor(Reasons.DnsNotThere, "", now += TimeSpan.FromMinutes(10));
        order.WaitFor(Reasons.DnsElsewhere, "", now += TimeSpan.FromMinutes(5));
        order.MoveTo(OrderState.PendingOrder, now += TimeSpan.FromMinutes(5));
        order.WaitFor(Reasons.CaNotReachable, "", now += TimeSpan.FromSeconds(2));
        order.MoveTo(OrderState.PendingValidation, now += TimeSpan.FromSeconds(30));
        order.MoveTo(OrderState.PendingIssuance, now += TimeSpan.FromSeconds(4));
        order.WaitFor(Reasons.Surprise, "", now += TimeSpan.FromSeconds(6));
        order.MoveTo(OrderState.PendingDeployment, now += TimeSpan.FromSeconds(3));
        order.WaitFor(Reasons.NodesProving, "", now += TimeSpan.FromSeconds(1));
        order.MoveTo(OrderState.Active, now += TimeSpan.FromSeconds(7));
        domain.ActivatedAt = now;

        var spent = TimeToActive.Of(domain, [order], now.AddDays(30));

        Assert.Equal(new TimeToActive(1200, 6, 40, 8, (now - Start).TotalSeconds), spent);
    }

    [Fact]
    public void What_is_not_active_yet_has_waited_until_now()
    {
        var (domain, order) = Registered();
        order.WaitFor(Reasons.DnsNotThere, "", Start.AddSeconds(2));
        Assert.Equal(
            new TimeToActive(88, 2, 0, 0, 90), TimeToActive.Of(domain, [order], Start.AddSeconds(90)));
        order.Fail(Reasons.DnsTimedOut, "", Start.AddSeconds(100));
        Assert.Equal(
            new TimeToActive(98, 2, 0, 0, 100), TimeToActive.Of(domain, [order], Start.AddDays(1)));
    }

    [Fact]
    public void A_renewal_does_not_count_and_a_clock_that_was_set_back_adds_nothing()
    {
        var (domain, order) = Registered();
        order.WaitFor(Reasons.CaIssuing, "", Start.AddSeconds(5));
        domain.ActivatedAt = Start.AddSeconds(10);
        var renewal = Order.Open(domain, OrderKind.Renewal, Start.AddDays(100));
        Assert.Equal(5, TimeToActive.Of(domain, [order, renewal], Start).TotalSeconds);
    }

    [Fact]
    public void What_is_taken_down_is_not_on_its_way_any_more()
    {
        var (domain, order) = Registered();
        order.WaitFor(Reasons.DnsNotThere, "", Start.AddSeconds(1));
        order.MoveTo(OrderState.Canceling, Start.AddSeconds(11));
        order.WaitFor(Reasons.NodesWithdrawing, "", Start.AddHours(1));
        order.MoveTo(OrderState.Canceled, Start.AddHours(2));
        Assert.Equal(new TimeToActive(10, 1, 0, 0, 11), TimeToActive.Of(domain, [order], Start.AddHours(3)));
    }

    private static (Domain Domain, Order Order) Registered()
    {
        var domain = new Domain
        {
            Id = Guid.NewGuid(),
            TenantId = Guid.NewGuid(),
            FleetId = Guid.NewGuid(),
            Hostname = "shop.example.com",
            KeyAlgorithm = KeyAlgorithm.EcdsaP256,
            CreatedAt = Start,
        };
        return (domain, Order.Open(domain, OrderKind.New, Start));
    }
}
