using System.Text.RegularExpressions;

namespace EndToEnd.Tests.Harness;

/// <summary>Nothing untold: the events of an order, in their order, lead from the start of the path to the state it is
/// in.</summary>
internal static partial class EventTrail
{
    public static void Check(IReadOnlyList<OrderFact> orders, IReadOnlyList<EventFact> events)
    {
        var byDomain = events.ToLookup(told => told.DomainId);
        foreach (var order in orders)
        {
            var trail = byDomain[order.DomainId].Where(told => told.OrderId == order.Id).ToList();
            var story = $"{order}\n" + string.Join('\n', byDomain[order.DomainId]);
            Assert.True(FaultOf(order, trail) is not { } fault, $"{FaultOf(order, trail)}\n{story}");
        }
    }

    /// <returns>The first gap in the trail; null when it explains the order.</returns>
    public static string? FaultOf(OrderFact order, IReadOnlyList<EventFact> trail)
    {
        var state = "PendingDns";
        foreach (var told in trail.Where(told => told.Type is "order.moved" or "order.failed"))
        {
            var move = Move().Match(told.Message);
            if (!move.Success || move.Groups["from"].Value != state)
            {
                return $"Event {told.Id} does not go on from {state}.";
            }

            state = move.Groups["to"].Value;
        }

        if (state != order.State)
        {
            return $"The events end in {state}, the order is in {order.State}.";
        }

        int Told(params string[] types) => trail.Count(told => types.Contains(told.Type));
        return (order, Told("ca-order.placed", "ca-order.adopted"), Told("key.sealed")) switch
        {
            ({ HasKey: true }, _, not 1) => "The key was not sealed exactly once.",
            ({ CaOrderId: not null }, not 1, _) => "The CA's order was not taken over exactly once.",
            ({ CaOrderId: null }, not 0, _) => "A CA's order was taken over and is not recorded.",
            ({ HasBundle: true }, _, _)
                when Told("bundle.collected", "bundle.adopted") != 1 => "The bundle was not collected exactly once.",
            ({ State: "Active" }, _, _)
                when Told("domain.active", "certificate.renewed") != 1 => "The activation was not told exactly once.",
            _ => null,
        };
    }

    [GeneratedRegex(@"^(?<from>\w+) → (?<to>\w+): ", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Move();
}
