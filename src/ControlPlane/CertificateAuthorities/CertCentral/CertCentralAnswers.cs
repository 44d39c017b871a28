using System.Text.Json.Serialization;

namespace ControlPlane.CertificateAuthorities.CertCentral;

// What comes back. Every member may be missing, unknown members are passed over, ids are text whatever the CA writes
// them as: these are the words of a stranger, and CertCentralAuthority alone decides which of them it can not do
// without. Lists guard themselves: generated code sets an init member that is missing to null, whatever its initializer
// says.

/// <summary>Answer to an order, a reissue and a duplicate.</summary>
internal sealed record OrderPlaced
{
    [JsonConverter(typeof(LooseText))]
    public string? Id { get; init; }

    [JsonConverter(typeof(LooseText))]
    public string? CertificateId { get; init; }

    public string? DcvRandomValue { get; init; }

    [JsonConverter(typeof(LooseList<OrderedDomain>))]
    public IReadOnlyList<OrderedDomain> Domains { get; init => field = value ?? []; } = [];

    [JsonConverter(typeof(LooseList<RequestState>))]
    public IReadOnlyList<RequestState> Requests { get; init => field = value ?? []; } = [];

    /// <summary>Only when the certificate was issued with the order.</summary>
    [JsonConverter(typeof(LooseList<ChainLink>))]
    public IReadOnlyList<ChainLink> CertificateChain { get; init => field = value ?? []; } = [];
}

internal sealed record OrderedDomain(string? Name, DomainToken? DcvToken);

internal sealed record DomainToken(
    string? Token, string? Status, [property: JsonConverter(typeof(LooseTime))] DateTimeOffset? ExpirationDate);

internal sealed record RequestState
{
    [JsonConverter(typeof(LooseText))]
    public string? Id { get; init; }

    /// <summary><c>new_request</c>, <c>reissue</c>, <c>duplicate</c>, <c>revoke</c>.</summary>
    public string? Type { get; init; }

    /// <summary><c>submitted</c>, <c>pending</c>, <c>approved</c>, <c>rejected</c>.</summary>
    public string? Status { get; init; }

    [JsonConverter(typeof(LooseTime))]
    public DateTimeOffset? Date { get; init; }
}

internal sealed record OrderDetails
{
    [JsonConverter(typeof(LooseText))]
    public string? Id { get; init; }

    public string? Status { get; init; }

    public OrderedCertificate? Certificate { get; init; }

    [JsonConverter(typeof(LooseText))]
    public string? AlternativeOrderId { get; init; }

    public string? DcvMethod { get; init; }

    [JsonConverter(typeof(LooseTime))]
    public DateTimeOffset? DateCreated { get; init; }

    /// <summary>End of what was paid for; certificates within it are reissued for free.</summary>
    [JsonConverter(typeof(LooseTime))]
    public DateTimeOffset? OrderValidTill { get; init; }

    public int? ReissuesCount { get; init; }

    [JsonConverter(typeof(LooseFlag))]
    public bool? IsRenewed { get; init; }

    [JsonConverter(typeof(LooseFlag))]
    public bool? IsMultiYearPlan { get; init; }

    [JsonConverter(typeof(LooseList<RequestState>))]
    public IReadOnlyList<RequestState> Requests { get; init => field = value ?? []; } = [];
}

internal sealed record OrderedCertificate
{
    [JsonConverter(typeof(LooseText))]
    public string? Id { get; init; }

    public string? CommonName { get; init; }

    [JsonConverter(typeof(LooseList<string>))]
    public IReadOnlyList<string> DnsNames { get; init => field = value ?? []; } = [];

    /// <summary>Hexadecimal; compare as a number. Only once issued, as are the two dates.</summary>
    [JsonConverter(typeof(LooseText))]
    public string? SerialNumber { get; init; }

    public string? Thumbprint { get; init; }

    public string? Csr { get; init; }

    [JsonConverter(typeof(LooseTime))]
    public DateTimeOffset? ValidFrom { get; init; }

    [JsonConverter(typeof(LooseTime))]
    public DateTimeOffset? ValidTill { get; init; }
}

/// <summary>
/// Answer to the look-up by our own id and to status-changes, which is <c>{}</c> when nothing changed.
/// </summary>
internal sealed record OrderRows
{
    [JsonConverter(typeof(LooseList<OrderRow>))]
    public IReadOnlyList<OrderRow> Orders { get; init => field = value ?? []; } = [];
}

internal sealed record OrderRow
{
    [JsonConverter(typeof(LooseText))]
    public string? OrderId { get; init; }

    [JsonConverter(typeof(LooseText))]
    public string? CertificateId { get; init; }

    public string? Status { get; init; }
}

internal sealed record OrderList
{
    [JsonConverter(typeof(LooseList<OrderDetails>))]
    public IReadOnlyList<OrderDetails> Orders { get; init => field = value ?? []; } = [];

    public Page? Page { get; init; }
}

internal sealed record Page(int Total, int Limit, int Offset);

internal sealed record OrderValidation
{
    [JsonConverter(typeof(LooseText))]
    public string? OrderId { get; init; }

    public string? OrderStatus { get; init; }

    [JsonConverter(typeof(LooseList<NameValidation>))]
    public IReadOnlyList<NameValidation> DnsNameValidations { get; init => field = value ?? []; } = [];
}

internal sealed record DcvChecked
{
    public string? OrderStatus { get; init; }

    [JsonConverter(typeof(LooseText))]
    public string? CertificateId { get; init; }

    public string? DcvStatus { get; init; }

    [JsonConverter(typeof(LooseList<NameValidation>))]
    public IReadOnlyList<NameValidation> DnsNameValidations { get; init => field = value ?? []; } = [];
}

internal sealed record NameValidation(string? DnsName, string? NameScope, string? Status, string? Method);

internal sealed record RandomValue(
    string? DcvRandomValue, [property: JsonConverter(typeof(LooseTime))] DateTimeOffset? ExpirationDate);

/// <summary>Despite its member's name the list holds the leaf, the intermediate and the root.</summary>
internal sealed record CertificateChain
{
    [JsonConverter(typeof(LooseList<ChainLink>))]
    public IReadOnlyList<ChainLink> Intermediates { get; init => field = value ?? []; } = [];
}

internal sealed record ChainLink(string? SubjectCommonName, string? Pem);

internal sealed record ProductList
{
    [JsonConverter(typeof(LooseList<Product>))]
    public IReadOnlyList<Product> Products { get; init => field = value ?? []; } = [];
}

/// <param name="NameId">What an order names.</param>
/// <param name="Name">What people read.</param>
/// <param name="Type"><c>dv_ssl_certificate</c> for what we order.</param>
internal sealed record Product(string? NameId, string? Name, string? Type);

internal sealed record AccountUser
{
    [JsonConverter(typeof(LooseText))]
    public string? Id { get; init; }

    public string? Username { get; init; }

    public string? Email { get; init; }

    public string? Status { get; init; }
}
