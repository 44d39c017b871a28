using ControlPlane.Domains;

namespace ControlPlane.Webhooks;

/// <summary>Which events a webhook is told of.</summary>
internal static class WebhookTypes
{
    /// <summary>Stands for every event of the tenant.</summary>
    public const string All = "*";

    /// <summary>The type of a test, which is no event.</summary>
    public const string Test = "webhook.test";

    /// <summary>What a portal acts upon; sent when none are named. The steps of an order in between are left
    /// out.</summary>
    public static readonly IReadOnlyList<string> OfPortals =
    [
        EventTypes.DomainRegistered, EventTypes.DomainContested, EventTypes.OwnershipProven, EventTypes.OwnershipLost,
        EventTypes.DomainWaiting, EventTypes.DomainUpdated, EventTypes.DomainActive, EventTypes.DomainFailed,
        EventTypes.DomainMovedAway, EventTypes.DomainRenewalsStopped, EventTypes.DomainCameBack,
        EventTypes.DomainDeletionRequested, EventTypes.DomainDeleted, EventTypes.OrderWaiting, EventTypes.OrderFailed,
        EventTypes.BundleCollected, EventTypes.CertificateRenewed, EventTypes.RevocationRequested,
        EventTypes.CertificateRevoked, EventTypes.RevocationFailed, EventTypes.BundleWithdrawn, EventTypes.NodeRefused,
        EventTypes.FleetDegraded, EventTypes.FleetWhole, EventTypes.WebhookDisabled,
    ];

    public static bool IsKnown(string type) => type == All || EventTypes.Words.Contains(type);

    /// <summary>Whether this webhook is to be told.</summary>
    public static bool Wants(this Webhook webhook, string type) => webhook.EventTypes.Length == 0
        ? OfPortals.Contains(type)
        : webhook.EventTypes.Contains(All) || webhook.EventTypes.Contains(type);
}
