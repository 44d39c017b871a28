using ControlPlane.Nodes.Epochs;

namespace ControlPlane.Nodes.Fleets;

/// <summary>A fleet: where its names lead, how far its nodes may follow, and the life of its history.</summary>
internal sealed record FleetView
{
    public required Guid Id { get; init; }

    /// <summary>Names it in paths and bodies, as <see cref="Id"/> does; never changes.</summary>
    public required string Name { get; init; }

    /// <summary>The name customers point a CNAME at; null where only addresses lead to it.</summary>
    public required string? CnameTarget { get; init; }

    /// <summary>Its public addresses.</summary>
    public required IReadOnlyList<string> Addresses { get; init; }

    /// <summary>Raised when the database was set back to an older moment.</summary>
    public required long Epoch { get; init; }

    /// <summary>Position of the last published change.</summary>
    public required long Revision { get; init; }

    /// <summary>How changes go out.</summary>
    public required RolloutView Rollout { get; init; }

    /// <summary>The last time the epoch was raised; null when it never was.</summary>
    public required EpochView? Raised { get; init; }

    /// <summary>Names that nodes serve and this database does not want; see <c>/v1/fleets/{fleet}/strays</c>.</summary>
    public required int Strays { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>How a fleet's changes go out.</summary>
internal sealed record RolloutView
{
    /// <summary><c>running</c>; <c>canarySilent</c>: a canary that serves does not answer, and ends by itself;
    /// <c>halted</c>: too many refusals; <c>paused</c>: by an operator. The last two end with
    /// <c>/rollout/resume</c>.</summary>
    public required RolloutState State { get; init; }

    /// <summary>Since when; null while it always ran.</summary>
    public required DateTimeOffset? Since { get; init; }

    /// <summary>Why, in a sentence.</summary>
    public required string? Reason { get; init; }

    /// <summary>Serving nodes that see a change before the others; 0: all see it at once.</summary>
    public required int Canaries { get; init; }

    /// <summary>Who they are now: the canaries first enrolled of the nodes that serve.</summary>
    public required IReadOnlyList<string> CanaryNodes { get; init; }

    /// <summary>Nodes that are no canaries see changes up to here.</summary>
    public required long ReleasedRevision { get; init; }

    /// <summary>Domains that most of the serving nodes, or of the canaries, refused within the window (an hour unless
    /// configured) or since the rollout was last resumed, and refuse still. What one node alone refuses tells of the
    /// node, and shows in its domains.</summary>
    public required long RefusedDomains { get; init; }

    /// <summary>Their refusals in all answers of serving nodes within the same time, 0 to 1.</summary>
    public required double NackShare { get; init; }
}

/// <summary>When and why an epoch began.</summary>
/// <param name="At">When.</param>
/// <param name="FromEpoch">The epoch before.</param>
/// <param name="Cause"><c>otherCluster</c>, <c>otherTimeline</c> or <c>nodeAhead</c>.</param>
/// <param name="Detail">In a sentence.</param>
/// <param name="DatabaseEndsAt">The newest thing the database remembered: what came later it has forgotten.</param>
/// <param name="CollectAfter">Until then nothing is collected.</param>
/// <param name="CaListedAt">When the CA was asked for orders that have no row here; null while it is still to be
/// asked.</param>
internal sealed record EpochView(
    DateTimeOffset At, long FromEpoch, EpochCause Cause, string Detail, DateTimeOffset DatabaseEndsAt,
    DateTimeOffset CollectAfter, DateTimeOffset? CaListedAt);
