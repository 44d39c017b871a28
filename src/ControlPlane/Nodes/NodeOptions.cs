namespace ControlPlane.Nodes;

/// <summary>Section <c>Nodes</c> of the configuration.</summary>
internal sealed class NodeOptions
{
    /// <summary>A Serving node silent, or without its HAProxy, for longer is Lost. Agents report at least every 30 s:
    /// three may be missed.</summary>
    public TimeSpan LostAfter { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Nodes that may wait for news at one replica: fewer than the connections it takes, so that all other
    /// calls find one.</summary>
    public int MaxWaiting { get; init; } = 4000;

    /// <summary>How long a withdrawal is listed. A node that was away for longer begins with the full list, which costs
    /// it time and nothing else.</summary>
    public TimeSpan KeepTombstones { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Bundles released to one node per rolling minute: a full fleet of 30,000 in a quarter of an hour, while
    /// a stolen node is noticed before it has seen them all.</summary>
    public int ReleasesPerMinute { get; init; } = 2000;

    /// <summary>How far back refusals count against a fleet's rollout: an hour, so that a slow trickle of bad bundles
    /// is seen as well as a burst.</summary>
    public TimeSpan RefusalWindow { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Refused domains below which a rollout is never halted: a few bad bundles are theirs, not the
    /// fleet's.</summary>
    public int RefusedDomainsToHalt { get; init; } = 5;

    /// <summary>A share of refusals in a fleet's answers above this halts its rollout.</summary>
    public double RefusalShareToHalt { get; init; } = 0.01;

    /// <summary>How long a canary that serves may leave a change unanswered before an event says so: 10 minutes, which
    /// is 2,000 releases a minute for 20,000 bundles.</summary>
    public TimeSpan CanaryPatience { get; init; } = TimeSpan.FromMinutes(10);
}
