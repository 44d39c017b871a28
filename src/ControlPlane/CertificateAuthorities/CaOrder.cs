namespace ControlPlane.CertificateAuthorities;

/// <summary>An order as the CA tells of it.</summary>
/// <param name="CaOrderId">The order at the CA.</param>
/// <param name="CaCertificateId">Its newest certificate; null when not named.</param>
/// <param name="Status">What the word means to us.</param>
/// <param name="StatusWord">The word itself, kept for people.</param>
/// <param name="Serial">The issued certificate's serial, hexadecimal; null when not told.</param>
internal sealed record CaOrder(
    string CaOrderId,
    string? CaCertificateId,
    CaOrderStatus Status,
    string StatusWord,
    string? Serial)
{
    /// <summary>How soon it may be asked again; null: the CA did not say.</summary>
    public TimeSpan? AskAgainAfter { get; init; }

    /// <summary>The end of what was paid for; null: not told, or each certificate is an order of its own.</summary>
    public DateTimeOffset? ValidUntil { get; init; }

    /// <summary>PKCS#10 of its newest certificate, issued or awaited, DER; null: not told.</summary>
    public byte[]? Csr { get; init; }

    /// <summary>What has been asked for under it, by the CA's ids; empty where the CA does not tell.</summary>
    public IReadOnlyList<string> RequestIds { get; init; } = [];

    /// <summary>How often it was reissued; null: not told.</summary>
    public int? Reissues { get; init; }
}

/// <summary>What an order's status means to us.</summary>
internal enum CaOrderStatus
{
    /// <summary>Waiting, whatever for.</summary>
    Pending,

    /// <summary>A certificate is there.</summary>
    Issued,

    /// <summary>Over without a certificate, or revoked: it never comes back.</summary>
    Closed,

    /// <summary>Over without a certificate, and nothing is lost: an order that one failed look ends may be placed
    /// anew.</summary>
    Spent,

    /// <summary>A word we do not know: keep polling and alarm, never order anew.</summary>
    Unknown,
}
