using EndToEnd.Tests.Harness;

namespace EndToEnd.Tests;

/// <summary>The check of the event trail must be able to fail: it stands behind every drill.</summary>
public sealed class EventTrailTests
{
    private static readonly Guid Domain = Guid.CreateVersion7();
    private static readonly OrderFact Order = new(
        Guid.CreateVersion7(), Domain, "shop.customers.example", "PendingValidation", HasKey: true, "1",
        HasBundle: false);

    [Fact]
    public void A_trail_that_leads_to_the_state_of_its_order_is_whole() =>
        Assert.Null(EventTrail.FaultOf(Order, Whole()));

    [Theory]
    [InlineData(0, "Event 3 does not go on from PendingDns.")]
    [InlineData(1, "The key was not sealed exactly once.")]
    [InlineData(2, "The CA's order was not taken over exactly once.")]
    [InlineData(3, "The events end in PendingOrder, the order is in PendingValidation.")]
    public void A_missing_event_is_noticed(int missing, string fault) =>
        Assert.Equal(fault, EventTrail.FaultOf(Order, [.. Whole().Where(told => told.Id != missing)]));

    [Fact]
    public void An_order_placed_twice_is_noticed() =>
        Assert.Equal(
            "The CA's order was not taken over exactly once.",
            EventTrail.FaultOf(Order, [.. Whole(), Told(4, "ca-order.adopted", "Found again.")]));

    private static List<EventFact> Whole() =>
    [
        Told(0, "order.moved", "PendingDns → PendingOrder: It points to us."),
        Told(1, "key.sealed", "A fresh key."),
        Told(2, "ca-order.placed", "Ordered."),
        Told(3, "order.moved", "PendingOrder → PendingValidation: Ordered."),
    ];

    private static EventFact Told(long id, string type, string message) => new(id, Domain, Order.Id, type, message);
}
