namespace ControlPlane.Nodes;

/// <summary>Section <c>Nodes</c> of the configuration.</summary>
internal sealed class NodeOptions
{
    /// <summary>A Serving node silent for longer is Lost. Agents report at least every 30 s: three may be
    /// missed.</summary>
    public TimeSpan LostAfter { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>How long a withdrawal is listed. A node that was away for longer begins with the full list, which costs
    /// it time and nothing else.</summary>
    public TimeSpan KeepTombstones { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Bundles released to one node per rolling minute: a full fleet of 30,000 in a quarter of an hour, while
    /// a stolen node is noticed before it has seen them all.</summary>
    public int ReleasesPerMinute { get; init; } = 2000;
}
