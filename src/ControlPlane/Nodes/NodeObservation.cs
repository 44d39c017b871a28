using ControlPlane.Contracts;

namespace ControlPlane.Nodes;

/// <summary>What one node was last found to hold for one domain.</summary>
internal sealed class NodeObservation
{
    public required Guid NodeId { get; init; }

    public required Guid DomainId { get; init; }

    public required long Revision { get; set; }

    public required ObservedDomainState State { get; set; }

    public string? DiskFingerprint { get; set; }

    public string? MemoryFingerprint { get; set; }

    public string? HandshakeFingerprint { get; set; }

    public string? ErrorCode { get; set; }

    public string? ErrorDetail { get; set; }

    public required DateTimeOffset ObservedAt { get; set; }

    /// <summary>True when disk, memory and handshake all showed this leaf: the only thing that counts as
    /// proof.</summary>
    public bool Proves(string fingerprint) =>
        State == ObservedDomainState.Serving
        && DiskFingerprint == fingerprint
        && MemoryFingerprint == fingerprint
        && HandshakeFingerprint == fingerprint;
}

/// <summary>A bundle was released to a node, sealed for one of its keys; committed before the bytes leave. Or the
/// ledger has lost that in a restore, and the node was seen to hold it.</summary>
internal sealed class BundleRelease
{
    public long Id { get; private set; }

    public required Guid NodeId { get; init; }

    public required Guid BundleId { get; init; }

    public required string SealingKeyId { get; init; }

    public required DateTimeOffset ReleasedAt { get; init; }

    /// <summary>True when the node was seen to hold it, and no release is known.</summary>
    public bool Learned { get; init; }
}
