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

    public static IReadOnlyList<Reason> All => [RenewalFailed];
}
