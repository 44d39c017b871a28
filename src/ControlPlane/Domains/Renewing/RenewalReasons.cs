using ControlPlane.Http;

namespace ControlPlane.Domains.Renewing;

/// <summary>What keeps a successor from coming.</summary>
internal static class RenewalReasons
{
    public static readonly Reason RenewalFailed = new(
        "renewal-failed", WaitingOn.Operator,
        "The certificate could not be renewed; the present one is served on.",
        "Read the detail and correct the cause. It is tried again by itself; POST /v1/domains/{id}/renew does so at "
        + "once.");

    public static readonly Reason ForeignReissue = new(
        "ca-foreign-reissue", WaitingOn.Operator,
        "Under our order at the certificate authority somebody asked for a certificate over a key that is not ours.",
        "Find out who in the account did: another control plane, or a person. Then POST /v1/domains/{id}/renew.");

    public static IReadOnlyList<Reason> All => [RenewalFailed, ForeignReissue];
}
