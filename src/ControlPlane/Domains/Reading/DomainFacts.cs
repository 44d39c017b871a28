using ControlPlane.Contracts;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Visits;
using ControlPlane.Http;
using ControlPlane.Nodes;

namespace ControlPlane.Domains.Reading;

/// <summary>What is known of one domain, and what follows from it. Nothing here reads or waits.</summary>
/// <param name="Domain">The registration.</param>
/// <param name="Tenant">Its tenant's name.</param>
/// <param name="Fleet">The fleet that serves it.</param>
/// <param name="Order">Its newest order.</param>
/// <param name="Desired">The bundle its fleet should serve; null when none is published.</param>
/// <param name="Newest">The newest bundle, published or not.</param>
/// <param name="Nodes">The fleet's serving and lost nodes.</param>
/// <param name="Observations">What nodes were found to hold.</param>
/// <param name="Validation">How far the CA's look at the newest order's token got; null before it.</param>
internal sealed record DomainFacts(
    Domain Domain,
    string Tenant,
    Fleet Fleet,
    Order? Order,
    Bundle? Desired,
    Bundle? Newest,
    IReadOnlyList<Node> Nodes,
    IReadOnlyList<NodeObservation> Observations,
    ValidationView? Validation)
{
    /// <summary>What a state waits for until its step has said more.</summary>
    public static readonly IReadOnlyDictionary<OrderState, Reason> ReasonOfState = new Dictionary<OrderState, Reason>
    {
        [OrderState.PendingDns] = Reasons.DnsUnchecked,
        [OrderState.PendingOrder] = Reasons.Ordering,
        [OrderState.PendingValidation] = Reasons.CaValidating,
        [OrderState.PendingIssuance] = Reasons.CaIssuing,
        [OrderState.PendingDeployment] = Reasons.NodesProving,
        [OrderState.Canceling] = Reasons.NodesWithdrawing,
        [OrderState.Failed] = Reasons.Surprise,
    };

    /// <summary>True while only the TXT record can move it.</summary>
    public bool NeedsProof => Domain.Status == DomainStatus.Pending
        && (Domain.Claim == Claim.Contested || Order?.Reason == Reasons.OwnershipUnproven.Code);

    public Reason? Reason() => ReasonOf(Domain, Order);

    /// <summary>What a domain waits for, or failed with, by the order that is looked at.</summary>
    public static Reason? ReasonOf(Domain domain, Order? order) =>
        domain is { Claim: Claim.Lost, Status: DomainStatus.Failed } ? Reasons.OwnershipLost
        : domain.IsAway ? domain.RenewalsStoppedAt is null ? Reasons.DnsMovedAway : Reasons.RenewalsStopped
        : order is null ? null : ReasonOf(order);

    /// <summary>What an order waits for, or failed with.</summary>
    public static Reason? ReasonOf(Order order) =>
        order.Reason is { } code && Reasons.ByCode.TryGetValue(code, out var told) ? told
        : ReasonOfState.GetValueOrDefault(order.State);

    /// <summary>What to do: the reason's remedy, then that of everything else that is in the way.</summary>
    /// <param name="records">What the customer's DNS must hold.</param>
    public IReadOnlyList<FixStep> Fix(IReadOnlyList<DnsRecordView> records)
    {
        if (Reason() is not { } reason)
        {
            return [];
        }

        return
        [
            .. new[] { new FixStep(reason.Fix.Replace("{fleet}", Fleet.Name, StringComparison.Ordinal)) }
                .Concat(NeedsProof ? [FixStep.ToCreate(DnsRecords.Proof(Domain))]
                    : reason == Reasons.DnsUnchecked || Domain.IsAway ? records.Select(FixStep.ToCreate)
                    : [])
                .Concat((Order?.Findings ?? []).Where(found => found.Blocks).SelectMany(found => found.Fix))
                .Distinct(),
        ];
    }

    public OverallStatus Status() => Domain.Status switch
    {
        DomainStatus.Pending => OverallStatus.Pending,
        DomainStatus.Active => IsWhole() ? OverallStatus.Active : OverallStatus.Degraded,
        DomainStatus.Failed => OverallStatus.Failed,
        DomainStatus.Deleting => OverallStatus.Deleting,
        DomainStatus.Deleted => OverallStatus.Deleted,
        _ => throw new InvalidOperationException($"No such status: {Domain.Status}."),
    };

    public OwnershipView Ownership()
    {
        OwnershipMethod? byRecord = NeedsProof || Domain.ProvenAt is not null ? OwnershipMethod.Txt : null;
        if (Domain.Claim == Claim.Lost)
        {
            return new OwnershipView(OwnershipStatus.Lost);
        }

        if (NeedsProof)
        {
            return new OwnershipView(OwnershipStatus.Contested, byRecord, DnsRecords.Proof(Domain));
        }

        var byCa = Domain.ActivatedAt is not null || Newest is not null || Order?.State == OrderState.PendingIssuance;
        return new OwnershipView(
            byCa || Domain.ProvenAt is not null ? OwnershipStatus.Verified
            : Order?.State == OrderState.Failed ? OwnershipStatus.Failed
            : OwnershipStatus.Pending,
            byRecord ?? (byCa ? OwnershipMethod.CaValidation : null));
    }

    public CertificateStatus CertificateStatus() => Order?.State switch
    {
        null or OrderState.PendingDns => Newest is null
            ? Reading.CertificateStatus.None
            : Reading.CertificateStatus.Issued,
        OrderState.PendingOrder => Reading.CertificateStatus.Ordering,
        OrderState.PendingValidation => Reading.CertificateStatus.Validating,
        OrderState.PendingIssuance => Reading.CertificateStatus.Issuing,
        OrderState.Failed => Reading.CertificateStatus.Failed,
        OrderState.Canceling or OrderState.Canceled => Reading.CertificateStatus.Withdrawn,
        _ => Reading.CertificateStatus.Issued,
    };

    public DeliverySummary Delivery()
    {
        var ready = Desired is null
            ? 0
            : Nodes.Count(node => node.Standing == NodeStanding.Serving && Proves(node, Desired));
        var status = Domain.Status switch
        {
            DomainStatus.Deleting => DeliveryStatus.Withdrawing,
            DomainStatus.Deleted => DeliveryStatus.None,
            _ when Desired is null => DeliveryStatus.None,
            _ => Nodes.Count > 0 && ready == Nodes.Count ? DeliveryStatus.Complete : DeliveryStatus.RollingOut,
        };
        return new DeliverySummary(status, Desired?.Serial, ready, Nodes.Count);
    }

    private bool Proves(Node node, Bundle bundle) =>
        Observations.Any(seen => seen.NodeId == node.Id && seen.Proves(bundle.Fingerprint));

    /// <summary>No node is lost and every serving one serves the name, be it with the last bundle or the next. The
    /// list's filter says the same in SQL: <see cref="ListDomains"/>.</summary>
    private bool IsWhole() => Nodes.All(node => node.Standing == NodeStanding.Serving
        && Observations.Any(seen => seen.NodeId == node.Id && seen.State == ObservedDomainState.Serving));
}
