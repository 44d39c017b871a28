using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Domains.Revoking;

/// <summary>How far the revocation of a certificate is.</summary>
/// <param name="Certificate">Id of the bundle.</param>
/// <param name="Serial">Upper-case hexadecimal.</param>
/// <param name="State">What it waits for.</param>
/// <param name="Reason">As it will stand in the CA's list.</param>
/// <param name="When"><c>now</c> or <c>after-replacement</c>.</param>
/// <param name="RequestedAt">When it was asked for.</param>
/// <param name="NextAttemptAt">When the CA is asked next; null while it is not to be asked.</param>
/// <param name="CaRequest">What a person of the CA's account has to approve; null when nothing.</param>
/// <param name="Detail">The last fault, for an engineer; null when there was none.</param>
/// <param name="ReplacedAt">Since when every serving node has proven another, or the name is not served any more; a
/// node that was lost then may serve it until it is heard again. Null before.</param>
/// <param name="RevokedAt">When the CA said that it is revoked.</param>
internal sealed record RevocationView(
    Guid Certificate, string Serial, RevocationState State, RevocationReason Reason, string When,
    DateTimeOffset RequestedAt, DateTimeOffset? NextAttemptAt, string? CaRequest, string? Detail,
    DateTimeOffset? ReplacedAt, DateTimeOffset? RevokedAt)
{
    public static RevocationView Of(CertificateRevocation row, string serial) => new(
        row.BundleId, serial, row.State, row.Reason,
        row.AtOnce ? RevokeRequest.Now : RevokeRequest.AfterReplacement, row.RequestedAt, row.NextAttemptAt,
        row.CaRequest, row.Detail, row.ReplacedAt, row.RevokedAt);
}
