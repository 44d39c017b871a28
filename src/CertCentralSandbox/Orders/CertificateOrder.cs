using System.Text.Json.Serialization;

namespace CertCentralSandbox.Orders;

/// <summary>
/// One order as it stands: an immutable snapshot, which is also a line of the journal. Moments named <c>…At</c> are on
/// the sandbox clock, moments named <c>Date…</c> on the wall.
/// </summary>
internal sealed record CertificateOrder
{
    public required long Id { get; init; }

    public required string ProductId { get; init; }

    public required string Status { get; init; }

    /// <summary>When <see cref="Status"/> last changed: what status-changes reports.</summary>
    public required DateTimeOffset DateStatusChanged { get; init; }

    public required DateTimeOffset DateCreated { get; init; }

    /// <summary>Last day of the order's coverage; reissues cannot outlive it.</summary>
    public required DateTimeOffset DateValidTill { get; init; }

    public required OrderTerms Terms { get; init; }

    /// <summary>Oldest first. The last one issued is the active one; the last entry may be still awaited.</summary>
    public required IReadOnlyList<OrderedCertificate> Certificates { get; init; }

    public required IReadOnlyList<OrderRequest> Requests { get; init; }

    /// <summary>Open control validation, or null when nothing waits for one.</summary>
    public ControlValidation? Validation { get; init; }

    public long RenewedByOrderId { get; init; }

    /// <summary>When predecessors die because a reissue dropped one of their names; null when none is due.</summary>
    public DateTimeOffset? RevokePredecessorsAt { get; init; }

    /// <summary>When the next of its certificates is revoked by the CA; null when none is to be.</summary>
    [JsonIgnore]
    public DateTimeOffset? NextRevocationAt => Certificates
        .Where(c => c is { Issued: not null, DateRevoked: null }).Select(c => c.RevokeAt)
        .Append(RevokePredecessorsAt).Min();

    /// <summary>The certificate that waits to be issued; at most one does.</summary>
    [JsonIgnore]
    public OrderedCertificate? Awaited => Certificates[^1] is { Issued: null } last ? last : null;

    /// <summary>What the order shows as its certificate: the newest first issue or reissue, awaited or
    /// issued.</summary>
    [JsonIgnore]
    public OrderedCertificate Primary => Certificates.Last(c => c.Purpose != RequestType.Duplicate);

    /// <summary>What order-level downloads give: the newest issued one that is not a duplicate.</summary>
    [JsonIgnore]
    public OrderedCertificate? Active =>
        Certificates.LastOrDefault(c => c.Issued is not null && c.Purpose != RequestType.Duplicate);

    [JsonIgnore]
    public bool IsLive => Status is not (OrderStatus.Canceled or OrderStatus.Rejected or OrderStatus.Revoked);
}

/// <summary>What the buyer fixed when ordering.</summary>
internal sealed record OrderTerms
{
    public string? AlternativeOrderId { get; init; }

    public string? Comments { get; init; }

    public string PaymentMethod { get; init; } = "balance";

    public bool DisableRenewalNotifications { get; init; }

    public bool DisableCt { get; init; }

    public int AutoRenew { get; init; }

    public int AutoReissue { get; init; }

    public int ValidityYears { get; init; }

    public long RenewalOfOrderId { get; init; }

    public int ContainerId { get; init; } = 5;
}

/// <summary>One certificate of an order, asked for and perhaps issued.</summary>
internal sealed record OrderedCertificate
{
    public required long Id { get; init; }

    public required string CommonName { get; init; }

    public required IReadOnlyList<string> DnsNames { get; init; }

    public required string CsrPem { get; init; }

    public required string SignatureHash { get; init; }

    public required int KeySize { get; init; }

    /// <summary>new_request, reissue or duplicate.</summary>
    public required string Purpose { get; init; }

    public required DateTimeOffset DateCreated { get; init; }

    public int PlatformId { get; init; } = -1;

    /// <summary>Days asked for; null takes what the rules allow.</summary>
    public int? Days { get; init; }

    public IssuedCertificate? Issued { get; init; }

    /// <summary>When the CA revokes it, as it announced; null when it did not.</summary>
    public DateTimeOffset? RevokeAt { get; init; }

    public DateTimeOffset? DateRevoked { get; init; }

    public string? RevocationReason { get; init; }

    [JsonIgnore]
    public string Status => this switch
    {
        { DateRevoked: not null } => OrderStatus.Revoked,
        { Issued: not null } => "approved",
        _ => OrderStatus.Pending,
    };
}

/// <summary>The result of signing.</summary>
internal sealed record IssuedCertificate(
    string Pem,
    string SerialNumber,
    string Thumbprint,
    DateTimeOffset DateIssued,
    DateTimeOffset DateValidFrom,
    DateTimeOffset DateValidTill);

/// <summary>An entry of <c>requests[]</c>: new_request, reissue, duplicate or revoke, the last with its
/// reason.</summary>
internal sealed record OrderRequest(
    long Id, string Type, string Status, DateTimeOffset Date, string? Comments, long? CertificateId = null,
    string? RevocationReason = null);

/// <summary>The open control validation of an order: one random value for all its names.</summary>
internal sealed record ControlValidation
{
    public required string Method { get; init; }

    public required string RandomValue { get; init; }

    public required DateTimeOffset RandomValueExpiresAt { get; init; }

    /// <summary>Where the CA's own polling counts its intervals from.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Names seen with their token so far.</summary>
    public IReadOnlyList<string> Approved { get; init; } = [];

    /// <summary>When an entirely validated order is signed; null while names are open.</summary>
    public DateTimeOffset? IssueAt { get; init; }

    /// <summary>The "stuck pending" fault took this order: it never issues.</summary>
    public bool Stuck { get; init; }

    /// <summary>The "late self-issue" fault took this order: it will issue, but check-dcv denies having seen the
    /// file.</summary>
    public bool Concealed { get; init; }
}
