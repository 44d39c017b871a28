namespace ControlPlane.Vault.Rewrapping;

/// <summary>One walk through the vault that brings every data key under one key-encryption key. At most one is open.
/// It ends when no row is left, or when another is begun towards another key.</summary>
internal sealed class Rewrap
{
    public required Guid Id { get; init; }

    /// <summary>A replica works on it only while this is the key it wraps under, so that two replicas whose settings
    /// differ, as they do in the middle of a deployment, never undo each other.</summary>
    public required string ToKekId { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Data keys wrapped anew, counted in the commit that wrapped them.</summary>
    public int Done { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }
}

/// <summary>A data key that could not be wrapped anew. It is tried again until it can, or is collected.</summary>
internal sealed class RewrapFailure
{
    public required Guid KeyId { get; init; }

    /// <summary>The key-encryption key it is still under.</summary>
    public required string KekId { get; init; }

    /// <summary>Why, for people.</summary>
    public required string Reason { get; set; }

    public required int Attempts { get; set; }

    public required DateTimeOffset FailedAt { get; set; }

    public required DateTimeOffset NextAttemptAt { get; set; }
}
