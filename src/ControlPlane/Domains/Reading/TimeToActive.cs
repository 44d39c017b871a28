using ControlPlane.Domains.Running;

namespace ControlPlane.Domains.Reading;

/// <summary>For whom a domain waited on its way to its first activation, in seconds; so far, when it is not there
/// yet.</summary>
/// <param name="CustomerSeconds">For the customer, until we noticed: DNS, mostly.</param>
/// <param name="OursSeconds">For us.</param>
/// <param name="CaSeconds">For the certificate authority.</param>
/// <param name="NodesSeconds">For the nodes.</param>
/// <param name="TotalSeconds">All of it.</param>
internal sealed record TimeToActive(
    double CustomerSeconds, double OursSeconds, double CaSeconds, double NodesSeconds, double TotalSeconds)
{
    /// <summary>Renewals begin after the first activation and do not count.</summary>
    public static TimeToActive Of(Domain domain, IEnumerable<Order> orders, DateTimeOffset now)
    {
        var waits = orders.Where(order => domain.ActivatedAt is not { } active || order.CreatedAt <= active)
            .Aggregate(Waits.None, (sum, order) => sum.Plus(order.WaitsUpTo(now)));
        return new TimeToActive(
            Seconds(waits.Customer), Seconds(waits.Ours), Seconds(waits.Ca), Seconds(waits.Nodes),
            Seconds(waits.Total));
    }

    private static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 3);
}
