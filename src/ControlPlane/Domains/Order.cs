using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Running;
using ControlPlane.Http;

namespace ControlPlane.Domains;

/// <summary>One attempt at a CA. The row is the queue entry, the state machine's memory and what support staff
/// read.</summary>
internal sealed class Order
{
    /// <summary>Also the alternative id under which the CA finds it again.</summary>
    public required Guid Id { get; init; }

    /// <summary>Given by the database, never reused: names the token file and orders bundles of a domain.</summary>
    public long Sequence { get; private set; }

    public required Guid DomainId { get; init; }

    public Domain Domain { get; set; } = null!;

    public required string Hostname { get; init; }

    /// <summary>Its domain's claim. The database keeps it equal and lets no order for a contested name go
    /// on.</summary>
    public Claim Claim { get; private set; }

    public required OrderKind Kind { get; set; }

    /// <summary>The first order of a name that came with a file, or the successor of a certificate that is replaced
    /// with many others: those for which a customer waits go first.</summary>
    public bool InBulk { get; set; }

    public OrderState State { get; private set; }

    public DateTimeOffset StateSince { get; private set; }

    /// <summary>When a step is due; null while only something else can move the order.</summary>
    public DateTimeOffset? NextAttemptAt { get; set; }

    /// <summary>Surprises in this state; the retry schedule ends with Failed.</summary>
    public int Attempts { get; set; }

    /// <summary>Waits in this state; they cost nothing and pick the next interval.</summary>
    public int Snoozes { get; set; }

    /// <summary>On the database's clock.</summary>
    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>Fences every write of a step: another worker's claim changes it.</summary>
    public Guid? LeaseToken { get; set; }

    /// <summary>A code of <see cref="Reasons"/>.</summary>
    public string? Reason { get; private set; }

    public string? ReasonDetail { get; private set; }

    public TimeSpan WaitedForCustomer { get; private set; }

    public TimeSpan WaitedForUs { get; private set; }

    public TimeSpan WaitedForCa { get; private set; }

    public TimeSpan WaitedForNodes { get; private set; }

    /// <summary>Up to when the four above are counted.</summary>
    public DateTimeOffset WaitsCountedTo { get; private set; }

    /// <summary>What the last look with the CA's eyes found, what blocks first; gone when the CA has seen the
    /// token.</summary>
    public IReadOnlyList<Finding> Findings { get; set; } = [];

    /// <summary>Raised by whoever has news for a waiting order, lease or not.</summary>
    public int Nudges { get; private set; }

    public DateTimeOffset? CancelRequestedAt { get; set; }

    public Guid? KeyId { get; set; }

    /// <summary>When a superseded order's key left the vault: no node served it any more.</summary>
    public DateTimeOffset? KeyDeletedAt { get; private set; }

    public byte[]? Csr { get; set; }

    public DateTimeOffset? SubmittedAt { get; set; }

    public int Lookups { get; set; }

    public DateTimeOffset? UncertainSince { get; set; }

    public int Sweeps { get; set; }

    /// <summary>The database may have been set back to before this order was placed: ask before buying.</summary>
    public DateTimeOffset? DoubtedAt { get; set; }

    /// <summary>Name of the CA it goes to: chosen anew while it waits, fixed when it is placed. Before the first look
    /// at the name the database's default, which means nothing.</summary>
    public string Ca { get; set; } = null!;

    /// <summary>When another CA took the place of the chosen one, which was down; null: never.</summary>
    public DateTimeOffset? CaMovedAt { get; set; }

    /// <summary>Name of the CA that it was, or is to be, placed at; null before that is chosen, and where a certificate
    /// was taken over that no CA of ours is known to have sold.</summary>
    public string? CaToShow =>
        CaOrderId is null && (State == OrderState.PendingDns || Kind == OrderKind.Adoption) ? null : Ca;

    /// <summary>Known while the order is still to be placed only when it is to be reissued.</summary>
    public string? CaOrderId { get; set; }

    public string? CaCertificateId { get; set; }

    /// <summary>Until when the CA's order covers further certificates, at most; null where each is an order of its
    /// own.</summary>
    public DateTimeOffset? CaValidUntil { get; set; }

    /// <summary>The CA's order that this one follows; null: none, or the CA refused the link.</summary>
    public string? RenewalOf { get; set; }

    /// <summary>How the CA's order stood before this reissue; null when it is none.</summary>
    public ReissueBaseline? ReissueBaseline { get; set; }

    public string? CaStatus { get; set; }

    public string? DcvValue { get; set; }

    public DateTimeOffset? DcvExpiresAt { get; set; }

    public DateTimeOffset? TokenPublishedAt { get; set; }

    public DateTimeOffset? TokenSeenAt { get; set; }

    public Guid? BundleId { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? ClosedAt { get; private set; }

    /// <summary>A new order at the start of the path, due at once.</summary>
    public static Order Open(Domain domain, OrderKind kind, DateTimeOffset now) => new()
    {
        Id = Guid.CreateVersion7(now),
        DomainId = domain.Id,
        Hostname = domain.Hostname,
        Claim = domain.Claim,
        Kind = kind,
        State = OrderState.PendingDns,
        StateSince = now,
        NextAttemptAt = now,
        CreatedAt = now,
        WaitsCountedTo = now,
    };

    /// <summary>How long it waited for whom, until now or until it was served or given up.</summary>
    public Waits WaitsUpTo(DateTimeOffset now)
    {
        var counted = new Waits(WaitedForCustomer, WaitedForUs, WaitedForCa, WaitedForNodes);
        // What is being taken down is not on its way any more.
        return IssuancePath.HasStep(State) && State != OrderState.Canceling
            ? counted.Plus(DomainFacts.ReasonOf(this)?.WaitingOn ?? WaitingOn.None, now - WaitsCountedTo)
            : counted;
    }

    /// <summary>Says why it is not further. Its state stays.</summary>
    public void WaitFor(Reason reason, string detail, DateTimeOffset now)
    {
        CountWaits(now);
        Reason = reason.Code;
        ReasonDetail = detail;
    }

    /// <summary>Ends the order: the reason says who must do what.</summary>
    public void Fail(Reason reason, string detail, DateTimeOffset now)
    {
        MoveTo(OrderState.Failed, now);
        Reason = reason.Code;
        ReasonDetail = detail;
    }

    /// <summary>Wants it taken back. A running step finishes, records its result and then sees the wish; where no step
    /// runs, the order moves now. Either way what it waited for is past.</summary>
    /// <returns>The state it left; null when it did not move.</returns>
    public OrderState? RequestCancel(DateTimeOffset now)
    {
        var from = State;
        CancelRequestedAt ??= now;
        if (State is OrderState.Active or OrderState.Failed)
        {
            MoveTo(OrderState.Canceling, now);
        }

        if (State != OrderState.Canceling)
        {
            Reason = Reasons.NodesWithdrawing.Code;
            ReasonDetail = null;
        }

        NextAttemptAt = now;
        return State == from ? null : from;
    }

    /// <summary>The only way to another state.</summary>
    /// <exception cref="InvalidOperationException">The path has no such move: a fault of the program.</exception>
    public void MoveTo(OrderState state, DateTimeOffset now)
    {
        if (!IssuancePath.Allows(State, state))
        {
            throw new InvalidOperationException($"An order cannot move from {State} to {state}.");
        }

        CountWaits(now);
        State = state;
        StateSince = now;
        Attempts = 0;
        Snoozes = 0;
        Reason = null;
        ReasonDetail = null;
        // Who failed must still be able to read why, and a warning holds until the CA has looked.
        Findings = state is OrderState.PendingOrder or OrderState.PendingValidation or OrderState.Failed
            ? Findings : [];
        var terminal = IssuancePath.IsTerminal(state);
        ClosedAt = terminal ? now : null;
        NextAttemptAt = IssuancePath.HasStep(state) ? now : null;
    }

    /// <summary>Gets its certificate under the CA's present order, for nothing.</summary>
    public void ReissueUnder(string caOrder, DateTimeOffset end) =>
        (Kind, CaOrderId, CaValidUntil) = (OrderKind.Reissue, caOrder, end);

    /// <summary>Gets an order of its own at the CA after all.</summary>
    public void PlaceAnew(string? renewalOf)
    {
        Kind = Kind == OrderKind.Reissue ? OrderKind.Renewal : Kind;
        (CaOrderId, CaCertificateId, CaValidUntil, ReissueBaseline) = (null, null, null, null);
        RenewalOf = renewalOf;
    }

    private void CountWaits(DateTimeOffset now)
    {
        (WaitedForCustomer, WaitedForUs, WaitedForCa, WaitedForNodes) = WaitsUpTo(now);
        WaitsCountedTo = now;
    }
}
