namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>
/// The CA's words for an order's status. A word that is not here is unknown: wait and alarm, never order anew.
/// </summary>
internal static class CertCentralStatus
{
    public static CaOrderStatus Read(string? word) => word?.ToLowerInvariant() switch
    {
        // reissue_pending: the old certificate is still good and a new one is on its way.
        "pending" or "needs_approval" or "waiting_pickup" or "processing" or "reissue_pending" or "needs_csr" =>
            CaOrderStatus.Pending,
        "issued" or "approved" => CaOrderStatus.Issued,
        "revoked" or "rejected" or "denied" or "canceled" or "cancelled" or "expired" => CaOrderStatus.Closed,
        _ => CaOrderStatus.Unknown,
    };

    /// <summary>How a revocation stands that must be approved. A word that is not here waits for a person.</summary>
    public static RevocationAnswer Read(RequestState request) => request.Status switch
    {
        "approved" => new RevocationAnswer(RevocationStanding.Revoked),
        "rejected" => new RevocationAnswer(RevocationStanding.Rejected),
        _ => new RevocationAnswer(
            RevocationStanding.AwaitingApproval,
            request.Id ?? throw new CertificateAuthorityException(
                CaFailure.NotDone, "The revocation has to be approved, and the answer does not say under which id.")),
    };
}
