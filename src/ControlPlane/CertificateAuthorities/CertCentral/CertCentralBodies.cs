namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>What is sent. Null members are left out; names travel in snake_case.</summary>
internal sealed record OrderBody
{
    public required CertificateBody Certificate { get; init; }

    public required ValidityBody OrderValidity { get; init; }

    /// <summary>
    /// <c>http-token</c> puts the value at /.well-known/pki-validation/fileauth.txt of the exact name.
    /// </summary>
    public string DcvMethod { get; init; } = "http-token";

    public string? PaymentMethod { get; init; }

    /// <summary>
    /// True: no person of the account has to approve, else the order may sit in <c>needs_approval</c>.
    /// </summary>
    public bool SkipApproval { get; init; } = true;

    /// <summary>True: renewing is ours, and thousands of names would mean thousands of mails.</summary>
    public bool DisableRenewalNotifications { get; init; } = true;

    /// <summary>0: the control plane renews; a second renewer would buy twice.</summary>
    public int AutoRenew { get; init; }

    public int AutoReissue { get; init; }

    /// <summary>
    /// Our own id. A look-up key, not an idempotency key: the CA takes a second order with the same one.
    /// </summary>
    public required string AlternativeOrderId { get; init; }

    public ContainerBody? Container { get; init; }

    public string? Comments { get; init; }

    /// <summary>Links a renewal to its predecessor, by the CA's order id.</summary>
    public long? RenewalOfOrderId { get; init; }
}

internal sealed record CertificateBody
{
    public required string CommonName { get; init; }

    /// <summary>All names: the CA does not read them out of the CSR.</summary>
    public required IReadOnlyList<string> DnsNames { get; init; }

    /// <summary>PKCS#10 in PEM.</summary>
    public required string Csr { get; init; }

    public string SignatureHash { get; init; } = "sha256";

    public PlatformBody ServerPlatform { get; init; } = new(PlatformBody.Other);

    /// <summary>Null: as long as the CA may.</summary>
    public ValidityBody? CertValidity { get; init; }
}

internal sealed record PlatformBody(int Id)
{
    /// <summary>The id that clients send for a server the CA has no name for.</summary>
    public const int Other = -1;
}

/// <summary>One of the two.</summary>
internal sealed record ValidityBody(int? Years = null, int? Days = null);

internal sealed record ContainerBody(int Id);

internal sealed record ReissueBody
{
    public required CertificateBody Certificate { get; init; }

    public string DcvMethod { get; init; } = "http-token";

    public bool SkipApproval { get; init; } = true;

    public string? Comments { get; init; }
}

/// <param name="Note">The CA requires one.</param>
internal sealed record CancelBody(string Note)
{
    public string Status { get; } = "canceled";
}

/// <param name="RevocationReason">
/// <c>unspecified</c>, <c>keyCompromise</c>, <c>affiliationChanged</c>, <c>superseded</c> or
/// <c>cessationOfOperation</c>.
/// </param>
/// <param name="Comments">For the CA's own records.</param>
internal sealed record RevokeBody(string RevocationReason, string Comments)
{
    public bool SkipApproval { get; } = true;
}

/// <summary>A page of orders. <paramref name="Limit"/>: 1 to 1000.</summary>
internal sealed record OrderQuery(
    string? Status = null, string? Sort = "-date_created", int Offset = 0, int Limit = 1000)
{
    /// <summary>Orders that hold a certificate with one of these; empty: of any.</summary>
    public IReadOnlyList<string> Serials { get; init; } = [];
}
