using ControlPlane.Contracts;

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

    /// <summary>Since when a withdrawal waits for an admin, because there were too many within an hour; null when it
    /// does not.</summary>
    public DateTimeOffset? HeldAt { get; init; }

    /// <summary>Id of the approval that lets a held withdrawal go.</summary>
    public string? Approval { get; init; }

    /// <summary>The domain's, as of the change; of no meaning in a withdrawal.</summary>
    public string TlsMinimum { get; init; } = TlsVersions.Default;
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

    /// <summary>The revision that brought the bundle; lower than <see cref="Revision"/> once the change was moved while
    /// it was held. Null in a row that nobody published.</summary>
    public long? BroughtAtRevision { get; init; }

    /// <summary>When it was asked for: a withdrawal's own time.</summary>
    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>When it got its revision; a tombstone's age counts from here.</summary>
    public DateTimeOffset PublishedAt { get; init; }

    public string? Approval { get; init; }

    /// <summary>The lowest version of TLS for the name; of no meaning in a tombstone.</summary>
    public string TlsMinimum { get; init; } = TlsVersions.Default;
}
