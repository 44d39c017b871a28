using ControlPlane.Domains.Reading;

namespace ControlPlane.Domains;

/// <summary>Something that happened, written in the transaction that made it happen.</summary>
internal sealed class DomainEvent
{
    /// <summary>Given by the database; the cursor of the event list.</summary>
    public long Id { get; private set; }

    public required DateTimeOffset At { get; init; }

    public Guid? TenantId { get; init; }

    public Guid? DomainId { get; init; }

    public Guid? OrderId { get; init; }

    /// <summary>Set for what happened to a node; such an event belongs to no tenant.</summary>
    public Guid? NodeId { get; init; }

    /// <summary>Set for what happened to a campaign; such an event belongs to no tenant either.</summary>
    public Guid? CampaignId { get; init; }

    /// <summary>One of <see cref="EventTypes"/>.</summary>
    public required string Type { get; init; }

    /// <summary>A sentence for a person; never holds key or token.</summary>
    public required string Message { get; init; }

    /// <summary>The same for a program; added when it is saved. Null where no domain was at hand.</summary>
    public EventDetails? Data { get; set; }
}

/// <summary>What a portal may act upon; the list only grows.</summary>
internal static class EventTypes
{
    public const string DomainRegistered = "domain.registered";
    public const string DomainContested = "domain.contested";
    public const string OwnershipProven = "ownership.proven";
    public const string OwnershipLost = "ownership.lost";
    public const string DomainWaiting = "domain.waiting";
    public const string DomainUpdated = "domain.updated";
    public const string DomainActive = "domain.active";
    public const string DomainFailed = "domain.failed";
    public const string DomainMovedAway = "domain.moved-away";
    public const string DomainRenewalsStopped = "domain.renewals-stopped";
    public const string DomainCameBack = "domain.came-back";
    public const string DomainDeletionRequested = "domain.deletion-requested";
    public const string DomainDeleted = "domain.deleted";
    public const string OrderOpened = "order.opened";
    public const string OrderWaiting = "order.waiting";
    public const string OrderMoved = "order.moved";
    public const string OrderRetried = "order.retried";
    public const string OrderFailed = "order.failed";
    public const string KeySealed = "key.sealed";
    public const string OrderSubmitted = "ca-order.submitted";
    public const string OrderAnswerLost = "ca-order.answer-lost";
    public const string OrderAdopted = "ca-order.adopted";
    public const string OrderSurplusCanceled = "ca-order.surplus-canceled";
    public const string OrderSurplusKept = "ca-order.surplus-kept";
    public const string OrderNotReissued = "ca-order.not-reissued";
    public const string OrderPlaced = "ca-order.placed";
    public const string OrderAtOtherCa = "ca-order.other-ca";
    public const string OrderCanceledAtCa = "ca-order.canceled";
    public const string TokenPublished = "token.published";
    public const string TokenSeen = "token.seen-by-nodes";
    public const string TokenWithdrawn = "token.withdrawn";
    public const string BundleCollected = "bundle.collected";
    public const string BundleAdopted = "bundle.adopted";
    public const string AdoptionRefused = "bundle.adoption-refused";
    public const string OrderNotAtCa = "ca-order.not-found";
    public const string CertificateRenewed = "certificate.renewed";
    public const string RenewalFailed = "renewal.failed";
    public const string RenewalCritical = "renewal.critical";
    public const string RenewalMovedUp = "renewal.moved-up";
    public const string RevocationRequested = "certificate.revocation-requested";
    public const string RevocationAwaitsApproval = "certificate.revocation-awaiting-approval";
    public const string CertificateRevoked = "certificate.revoked";
    public const string RevocationFailed = "certificate.revocation-failed";
    public const string BundleWithdrawn = "bundle.withdrawn";
    public const string KeyDeleted = "key.deleted";
    public const string NodeRefused = "node.refused-bundle";
    public const string NodeEnrolled = "node.enrolled";
    public const string NodeServing = "node.serving";
    public const string NodeLost = "node.lost";
    public const string NodeDraining = "node.draining";
    public const string NodeUndrained = "node.undrained";
    public const string NodeRetired = "node.retired";
    public const string NodeBanned = "node.banned";
    public const string RekeyAsked = "node.rekey-asked";
    public const string RekeyFailed = "node.rekey-failed";
    public const string RekeyFinished = "node.rekey-finished";
    public const string NodeAlarm = "node.alarm";
    public const string NodeAlarmOver = "node.alarm-over";
    public const string NodeEventsLeftOut = "node.events-left-out";
    public const string FleetDegraded = "fleet.degraded";
    public const string FleetWhole = "fleet.whole";
    public const string EpochRaised = "fleet.epoch-raised";
    public const string WithdrawalsHeld = "fleet.withdrawals-held";
    public const string WithdrawalsApproved = "fleet.withdrawals-approved";
    public const string RolloutPaused = "fleet.rollout-paused";
    public const string RolloutHalted = "fleet.rollout-halted";
    public const string RolloutResumed = "fleet.rollout-resumed";
    public const string CanarySilent = "fleet.canary-silent";
    public const string NewerOnNodes = "domain.newer-on-nodes";
    public const string CustodyCapped = "fleet.custody-capped";
    public const string NodeDoubted = "node.claim-not-believed";
    public const string WebhookDisabled = "webhook.disabled";
    public const string CampaignStarted = "campaign.started";
    public const string CampaignPaused = "campaign.paused";
    public const string CampaignResumed = "campaign.resumed";
    public const string CampaignAborted = "campaign.aborted";
    public const string CampaignLate = "campaign.late";
    public const string CampaignCompleted = "campaign.completed";
    public const string CampaignRehearsed = "campaign.rehearsed";

    /// <summary>Every type above.</summary>
    public static readonly IReadOnlyList<string> Words =
    [
        .. typeof(EventTypes).GetFields().Where(field => field.IsLiteral)
            .Select(field => (string)field.GetRawConstantValue()!).Order(StringComparer.Ordinal),
    ];
}
