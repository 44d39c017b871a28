using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Domains.Revoking;

/// <summary>A certificate that is to be revoked before it ends, and how far that is.</summary>
internal sealed class CertificateRevocation
{
    /// <summary>The certificate: it is revoked once, however often it is asked for.</summary>
    public required Guid BundleId { get; init; }

    public required Guid DomainId { get; init; }

    /// <summary>The banned node that could read the key; its rekey opens the replacement. Null: asked for through the
    /// API.</summary>
    public Guid? NodeId { get; init; }

    public required RevocationReason Reason { get; set; }

    /// <summary>Without waiting for a replacement.</summary>
    public required bool AtOnce { get; set; }

    public required RevocationState State { get; set; }

    /// <summary>Calls that brought no answer, or a refusal; picks the pause before the next.</summary>
    public int Attempts { get; set; }

    public DateTimeOffset? NextAttemptAt { get; set; }

    /// <summary>When the CA was asked last: committed before the call.</summary>
    public DateTimeOffset? SentAt { get; set; }

    /// <summary>What a person of the CA's account has to approve.</summary>
    public string? CaRequest { get; set; }

    /// <summary>The last fault; null after a success.</summary>
    public string? Detail { get; set; }

    public required DateTimeOffset RequestedAt { get; init; }

    public DateTimeOffset? RevokedAt { get; set; }

    /// <summary>The order on its way to take the certificate's place.</summary>
    public Guid? OrderId { get; set; }

    /// <summary>How many of these failed; picks the pause before the next.</summary>
    public int OrdersFailed { get; set; }

    public DateTimeOffset? NextOrderAt { get; set; }

    /// <summary>Since when nobody is served with it.</summary>
    public DateTimeOffset? ReplacedAt { get; set; }

    /// <summary>The CA is asked from now on, from the beginning of the schedule.</summary>
    public void Send(DateTimeOffset now) =>
        (State, NextAttemptAt, Attempts, Detail) = (RevocationState.Sending, now, 0, null);

    /// <summary>Nothing is left to be asked of the CA.</summary>
    public void End(RevocationState state, string? detail) =>
        (State, NextAttemptAt, Detail) = (state, null, detail);
}

/// <summary>How far a revocation is.</summary>
internal enum RevocationState
{
    /// <summary>The certificate is served until its successor is proven on every serving node.</summary>
    WaitingForReplacement,

    /// <summary>The CA is being asked.</summary>
    Sending,

    /// <summary>A person of the CA's account must approve it.</summary>
    AwaitingApproval,

    Revoked,

    /// <summary>Given up: it ended first, was refused by who had to approve it, or the CA did not do it in a day. Asked
    /// for again, it is tried again.</summary>
    Failed,
}
