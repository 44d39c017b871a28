namespace ControlPlane.CertificateAuthorities;

/// <summary>When a CA would have a certificate renewed (RFC 9773).</summary>
/// <param name="Start">A moment between the two is to be picked at random: that is how the CA spreads its load.</param>
/// <param name="End">Past this the certificate may be revoked already.</param>
/// <param name="Why">A page that tells people why, as when all of a batch must be replaced; usually null.</param>
/// <param name="AskAgainAfter">Between a minute and a day.</param>
internal sealed record RenewalWindow(DateTimeOffset Start, DateTimeOffset End, Uri? Why, TimeSpan AskAgainAfter);

/// <summary>What to revoke, and why.</summary>
/// <param name="Leaf">The certificate, DER.</param>
/// <param name="Reason">As it will stand in the CA's list.</param>
/// <param name="Note">For the CA's own records, where it keeps any.</param>
internal sealed record Revocation(byte[] Leaf, RevocationReason Reason, string Note);

/// <summary>RFC 5280 §5.3.1, as far as CAs take it from subscribers. The numbers travel.</summary>
internal enum RevocationReason
{
    Unspecified = 0,
    KeyCompromise = 1,
    AffiliationChanged = 3,
    Superseded = 4,
    CessationOfOperation = 5,
}

/// <summary>What a CA said to a revocation.</summary>
/// <param name="Standing">How it stands.</param>
/// <param name="Request">What has to be approved, by the CA's own id; null when nothing has.</param>
internal sealed record RevocationAnswer(RevocationStanding Standing, string? Request = null);

/// <summary>How a revocation stands.</summary>
internal enum RevocationStanding
{
    /// <summary>Done.</summary>
    Revoked,

    /// <summary>A person of the CA's account must approve it first.</summary>
    AwaitingApproval,

    /// <summary>That person said no.</summary>
    Rejected,
}
