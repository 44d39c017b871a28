namespace ControlPlane.Nodes;

/// <summary>A change that waits for the publisher; one per domain, the later order wins.</summary>
internal sealed class DesiredChange
{
    public required Guid DomainId { get; init; }

    public required Guid FleetId { get; init; }

    public required string Hostname { get; init; }

    /// <summary>Null withdraws the domain.</summary>
    public required Guid? BundleId { get; init; }

    public required long OrderSequence { get; init; }

    public required DateTimeOffset ChangedAt { get; init; }
}

/// <summary>What every node of a fleet should serve for one domain, or a tombstone.</summary>
internal sealed class DesiredRow
{
    public required Guid FleetId { get; init; }

    public required Guid DomainId { get; init; }

    public required string Hostname { get; init; }

    /// <summary>Null: a tombstone.</summary>
    public required Guid? BundleId { get; init; }

    public required long OrderSequence { get; init; }

    public required long Revision { get; init; }

    public required DateTimeOffset ChangedAt { get; init; }

    public string? Approval { get; init; }

    /// <summary>What was released to all nodes before this row, which only canaries see yet; null: nothing.</summary>
    public Guid? ReleasedBundleId { get; init; }

    /// <summary>The revision it was released as.</summary>
    public long? ReleasedAs { get; init; }
}
