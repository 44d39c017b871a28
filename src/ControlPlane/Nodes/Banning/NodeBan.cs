namespace ControlPlane.Nodes.Banning;

/// <summary>Why a node was banned, and how far the replacement of the keys it could read is.</summary>
internal sealed class NodeBan
{
    public required Guid NodeId { get; init; }

    /// <summary>What the admin gave; at most <see cref="Http.GivenReason.Longest"/> characters.</summary>
    public string? Reason { get; init; }

    public DateTimeOffset? RekeyAskedAt { get; init; }

    /// <summary>Asked, and which bundles that means is not recorded yet: <see cref="RekeyRecord"/>.</summary>
    public bool RekeyOwed { get; init; }

    /// <summary>What the node could read is revoked, too.</summary>
    public bool Revokes { get; init; } = true;

    /// <summary>When the last replacement was settled; null while one is not.</summary>
    public DateTimeOffset? RekeyFinishedAt { get; init; }
}

/// <summary>A bundle that a banned node could read and that was in use: to be replaced.</summary>
internal sealed class Replacement
{
    public required Guid NodeId { get; init; }

    public required Guid BundleId { get; init; }

    /// <summary>1 is the most exposed: <see cref="ExposedBundles"/> has the rule.</summary>
    public required int Rank { get; init; }

    public ReplacementState State { get; set; }

    /// <summary>The order whose bundle takes its place.</summary>
    public Guid? OrderId { get; set; }

    /// <summary>Orders that failed; picks the pause before the next.</summary>
    public int Attempts { get; set; }

    public DateTimeOffset? NextAttemptAt { get; set; }

    /// <summary>A code of <see cref="Http.Reasons"/>.</summary>
    public string? Reason { get; set; }

    public string? Detail { get; set; }

    public required DateTimeOffset RecordedAt { get; init; }

    public DateTimeOffset? SettledAt { get; set; }
}

/// <summary>How far a replacement is.</summary>
internal enum ReplacementState
{
    /// <summary>No order is open for it yet; they are opened in batches, by rank.</summary>
    Waiting,

    /// <summary>An order is on the path.</summary>
    Ordered,

    /// <summary>A bundle the node never read is proven on every serving node.</summary>
    Replaced,

    /// <summary>The order failed; another one is opened later, by itself.</summary>
    Failed,

    /// <summary>The domain was deleted, or lost its name to another: there is nothing to replace.</summary>
    NotNeeded,
}
