namespace ControlPlane.Domains.Renewing;

/// <summary>When the certificate that is served gets its successor.</summary>
/// <param name="At">When that is due, or due again after an attempt failed; in the past while the successor is on its
/// way. Null: not planned yet, which takes a minute. It is planned anew with each certificate, and moved up when the CA
/// asks for it.</param>
/// <param name="FailedAttempts">Attempts that failed since the certificate is served.</param>
internal sealed record RenewalView(DateTimeOffset? At, int FailedAttempts)
{
    public static RenewalView? Of(Domain domain) =>
        domain.ActiveBundleId is null ? null : new RenewalView(domain.RenewAt, domain.RenewalFailures);
}
