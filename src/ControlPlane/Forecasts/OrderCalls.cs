using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Jobs;

namespace ControlPlane.Forecasts;

/// <summary>A call of an order's way at CertCentral.</summary>
/// <param name="Name">For people.</param>
/// <param name="Priority">With which it reserves its budget when the order is a renewal.</param>
/// <param name="Then">From its answer to the next call.</param>
internal sealed record OrderCall(string Name, CallPriority Priority, TimeSpan Then);

/// <summary>What an order costs in calls at CertCentral, by the longer of its two ways: where the CA issues within its
/// answer to the check, as the sandbox does, the read is not made.</summary>
internal static class OrderCalls
{
    /// <summary>In order. Renewals wait for their share of the budget with the first, which begins the work: what is
    /// begun is finished with the whole budget.</summary>
    public static readonly IReadOnlyList<OrderCall> All =
    [
        // SubmitOrder: an order or a reissue; its answer holds the token, which is then fetched back from the nodes.
        new("place or reissue", CallPriority.Renewal, TimeSpan.FromSeconds(2)),
        // ProveControl.
        new("check", CallPriority.New, TimeSpan.FromSeconds(1)),
        // CollectBundle asks once by itself, and is then told by the status poll.
        new("read", CallPriority.New, Poll),
        // CollectBundle; then the nodes take it up and prove it.
        new("download", CallPriority.New, TimeSpan.FromMinutes(1)),
    ];

    /// <summary>For each order.</summary>
    public static int PerOrder => All.Count;

    /// <summary>One call for all orders that are at the CA, while there are any; none of them waits long for
    /// it.</summary>
    public static TimeSpan Poll => new JobOptions().StatusPoll;

    /// <summary>The most that the poll takes of an hour.</summary>
    public static int PollsPerHour => (int)(TimeSpan.FromHours(1) / Poll);

    /// <summary>How many calls an order has left in this state.</summary>
    public static int Left(OrderState state) => state switch
    {
        OrderState.PendingDns or OrderState.PendingOrder => PerOrder,
        OrderState.PendingValidation => PerOrder - 1,
        OrderState.PendingIssuance => PerOrder - 2,
        _ => 0,
    };
}
