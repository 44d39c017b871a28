using ControlPlane.TokenStore;

namespace ControlPlane.CertificateAuthorities;

/// <summary>
/// What the path needs of a CA, in the CA's own steps. Every call may throw
/// <see cref="CertificateAuthorityException"/>, whose <see cref="CaFailure"/> says what the caller may conclude;
/// nothing here retries a call that costs money, because only the caller knows whether the first one may have arrived.
/// </summary>
internal interface ICertificateAuthority
{
    /// <summary>Short name for settings, records and metrics, such as <c>certcentral</c>. An order carries it for
    /// ever.</summary>
    string Name { get; }

    /// <summary>Where it looks for the token.</summary>
    TokenPlace TokenPlace { get; }

    /// <summary>How many network perspectives fetch a token: the primary one and those that must corroborate it
    /// (Baseline Requirements 3.2.2.9).</summary>
    int Perspectives { get; }

    /// <summary>How the user agents of those perspectives begin.</summary>
    IReadOnlyList<string> ValidatorAgents { get; }

    /// <summary>Longest time <see cref="PlaceOrderAsync"/> may take before it is given up as lost. A caller makes sure
    /// that its lease outlives it by ten seconds.</summary>
    TimeSpan PlaceOrderTimeout { get; }

    /// <summary>Waits between look-ups after a lost answer, counted from the lost call; after the last one has found
    /// nothing, the order may be placed again. Empty where an order costs nothing and cannot be looked up: then it is
    /// placed again at once.</summary>
    IReadOnlyList<TimeSpan> LookupSchedule { get; }

    /// <summary>The issuer domain names by which CAA records name it (RFC 8659 §4.2), best first; empty: it does not
    /// look at CAA.</summary>
    IReadOnlyList<string> CaaIdentities { get; }

    /// <summary>Whether <see cref="ChangesAsync"/> tells of orders that moved. Where it does not, each order is read by
    /// itself, and sooner.</summary>
    bool TellsOfChanges { get; }

    /// <summary>Places an order. Not idempotent, and costs money at most CAs.</summary>
    Task<PlacedOrder> PlaceOrderAsync(OrderRequest request, CancellationToken ct);

    /// <summary>Until when an order that is placed at a moment covers further certificates, which
    /// <see cref="ReissueAsync"/> gives for nothing. At most: exactly the order itself tells it
    /// (<see cref="CaOrder.ValidUntil"/>). Null where every certificate is an order of its own.</summary>
    DateTimeOffset? CoveredUntil(DateTimeOffset placedAt) => null;

    /// <summary>Asks for a further certificate under an issued order, over another key: free, and validated anew. Not
    /// idempotent: each call asks for another one. <see cref="ReadAsync"/> tells whether one has arrived.</summary>
    Task<PlacedOrder> ReissueAsync(string caOrderId, OrderRequest request, CancellationToken ct);

    /// <summary>Finds what was ordered under our own id, oldest first; empty when nothing is known.</summary>
    Task<IReadOnlyList<CaOrder>> FindAsync(Guid order, CancellationToken ct);

    /// <summary>Reads one order.</summary>
    Task<CaOrder> ReadAsync(string caOrderId, CancellationToken ct);

    /// <summary>The value to publish for an order: the live one, or a fresh one when it has expired. Null: the CA looks
    /// no (more) for this order, because control of the name was shown or the order is over;
    /// <see cref="CheckAsync"/> tells which.</summary>
    Task<DcvToken?> ReadTokenAsync(string caOrderId, CancellationToken ct);

    /// <summary>Asks the CA to look at the published token now.</summary>
    Task<DcvCheck> CheckAsync(string caOrderId, CancellationToken ct);

    /// <summary>After it was <see cref="DcvCheck.StillLooking"/>: tells how that stands, without asking for another
    /// look.</summary>
    Task<DcvCheck> CheckAgainAsync(string caOrderId, CancellationToken ct) => CheckAsync(caOrderId, ct);

    /// <summary>Once control is shown: asks for the certificate where the CA waits to be asked, and tells how far the
    /// order is. Does nothing twice: the order is read first.</summary>
    /// <param name="caOrderId">The order at the CA.</param>
    /// <param name="csr">PKCS#10 request, DER: the one the order was placed with.</param>
    /// <param name="ct">Ends the wait, not the issuance.</param>
    Task<CaOrder> IssueAsync(string caOrderId, byte[] csr, CancellationToken ct);

    /// <summary>Orders whose status changed within the last <paramref name="window"/>: one call for all
    /// orders.</summary>
    Task<IReadOnlyList<CaOrder>> ChangesAsync(TimeSpan window, CancellationToken ct);

    /// <summary>Orders that carry an id of our making, placed since a moment. A page of the CA's list does not tell
    /// that id: each order is read by itself, unless <paramref name="unknown"/> leaves it out.</summary>
    /// <param name="since">To the day.</param>
    /// <param name="unknown">Gets a page's ids; returns those that are worth a call.</param>
    /// <param name="ct">Ends the wait.</param>
    Task<IReadOnlyList<PlacedEarlier>> PlacedSinceAsync(
        DateTimeOffset since, Func<IReadOnlyList<string>, Task<IReadOnlySet<string>>> unknown, CancellationToken ct);

    /// <summary>Finds the orders under which certificates were issued that are in use already, many with one call.
    /// Empty where orders hold nothing that a successor could use.</summary>
    /// <param name="certificates">Each of another name.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <returns>By name; names whose certificate this account never bought are not in it.</returns>
    Task<IReadOnlyDictionary<string, CaOrder>> FindIssuedAsync(
        IReadOnlyList<IssuedEarlier> certificates, CancellationToken ct) =>
        Task.FromResult<IReadOnlyDictionary<string, CaOrder>>(new Dictionary<string, CaOrder>());

    /// <summary>Downloads an issued certificate with its intermediates: DER, leaf first, no root.</summary>
    Task<IReadOnlyList<byte[]>> DownloadAsync(string caCertificateId, CancellationToken ct);

    /// <summary>Whether <see cref="RenewalWindowAsync"/> ever tells anything.</summary>
    bool TellsRenewalWindows => false;

    /// <summary>When the CA would have a certificate renewed (RFC 9773); null: it does not say.</summary>
    /// <param name="leaf">The certificate, DER.</param>
    /// <param name="ct">Ends the wait.</param>
    Task<RenewalWindow?> RenewalWindowAsync(byte[] leaf, CancellationToken ct) =>
        Task.FromResult<RenewalWindow?>(null);

    /// <summary>Revokes a certificate. One that is revoked already counts as revoked.</summary>
    Task<RevocationAnswer> RevokeAsync(Revocation revocation, CancellationToken ct);

    /// <summary>Tells how a revocation stands that had to be approved.</summary>
    /// <param name="request">What <see cref="RevokeAsync"/> named.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <exception cref="InvalidOperationException">Nobody approves at this CA: it named no such request.</exception>
    Task<RevocationAnswer> ReadRevocationAsync(string request, CancellationToken ct) =>
        throw new InvalidOperationException($"{Name} has nothing to approve.");

    /// <summary>A call that costs nothing and changes nothing, and shows that the CA answers and takes our
    /// credential.</summary>
    Task ProbeAsync(CancellationToken ct) => ChangesAsync(TimeSpan.FromMinutes(1), ct);

    /// <summary>Cancels a pending order. One that is already closed or unknown counts as canceled, and so does one that
    /// costs nothing and lapses by itself.</summary>
    /// <param name="caOrderId">The order at the CA.</param>
    /// <param name="note">Why, for the CA's own records.</param>
    /// <param name="ct">Ends the wait, not the cancellation.</param>
    Task CancelAsync(string caOrderId, string note, CancellationToken ct);
}

/// <summary>What to order: one certificate for one name.</summary>
/// <param name="Order">Our order's id, under which a lost order is found again.</param>
/// <param name="Hostname">The one name of the certificate.</param>
/// <param name="Csr">PKCS#10 request, DER.</param>
/// <param name="Priority">New domains go before renewals when the budget is short.</param>
internal sealed record OrderRequest(Guid Order, string Hostname, byte[] Csr, CallPriority Priority)
{
    /// <summary>The certificate that this one is to follow, DER: a CA that knows of renewals spares the order its
    /// quotas. Null: none, or not told.</summary>
    public byte[]? Replaces { get; init; }

    /// <summary>The CA's order that this one is to follow, where orders cover a time; null: none.</summary>
    public string? RenewalOf { get; init; }

    /// <summary>Of a reissue: until when its order covers it; null: not known.</summary>
    public DateTimeOffset? CoveredUntil { get; init; }
}

/// <summary>The CA took the order.</summary>
/// <param name="CaOrderId">The order at the CA.</param>
/// <param name="CaCertificateId">The certificate to come, when the CA names it already.</param>
/// <param name="Token">What to publish; null when the CA did not say (then
/// <see cref="ICertificateAuthority.ReadTokenAsync"/>).</param>
internal sealed record PlacedOrder(string CaOrderId, string? CaCertificateId, DcvToken? Token);

/// <summary>An order of ours as the CA's list tells of it.</summary>
/// <param name="CaOrderId">The order at the CA.</param>
/// <param name="Order">The id we gave it.</param>
/// <param name="Hostname">Its name.</param>
/// <param name="StatusWord">As the CA says.</param>
internal sealed record PlacedEarlier(string CaOrderId, Guid Order, string Hostname, string StatusWord);

/// <summary>A certificate that is in use, and was not ordered by us.</summary>
/// <param name="Hostname">Its one name.</param>
/// <param name="Serial">Hexadecimal.</param>
/// <param name="NotAfter">Its end.</param>
internal sealed record IssuedEarlier(string Hostname, string Serial, DateTimeOffset NotAfter);

/// <summary>The random value that proves control of a name.</summary>
/// <param name="Value">Opaque, up to 255 characters.</param>
/// <param name="ExpiresAt">From when on the CA no longer accepts it; null when it did not say.</param>
internal sealed record DcvToken(string Value, DateTimeOffset? ExpiresAt);

/// <summary>What the CA saw when it looked.</summary>
/// <param name="Status">Pending, or issued at once.</param>
/// <param name="CaCertificateId">The certificate, when issued.</param>
/// <param name="TokenSeen">False when the CA says that the token was not where it looked.</param>
internal sealed record DcvCheck(CaOrderStatus Status, string? CaCertificateId, bool TokenSeen)
{
    /// <summary>The CA has begun to look and has not decided: <see cref="TokenSeen"/> says nothing yet.</summary>
    public bool StillLooking { get; init; }

    /// <summary>How soon it may be asked again; null: the CA did not say.</summary>
    public TimeSpan? AskAgainAfter { get; init; }

    /// <summary>What the CA met instead of the token, in its own words; null: it did not say.</summary>
    public string? Detail { get; init; }
}

/// <summary>Who may use the reserved part of the CA's call budget.</summary>
internal enum CallPriority
{
    /// <summary>A domain whose customer waits.</summary>
    New,

    /// <summary>A domain that is served already, or one of a file of thousands.</summary>
    Renewal,
}
