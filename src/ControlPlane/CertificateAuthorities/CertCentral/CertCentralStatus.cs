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
}
