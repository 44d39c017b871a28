namespace ControlPlane.Receipts;

/// <summary>A private key that was in the vault and is in no row any more. Written in the transaction that destroyed
/// it.</summary>
internal sealed class DestroyedKey
{
    /// <summary>What it was called in the vault.</summary>
    public required Guid Id { get; init; }

    public required Guid DomainId { get; init; }

    public required Guid OrderId { get; init; }

    /// <summary>SHA-256 of the public key (SubjectPublicKeyInfo DER).</summary>
    public required byte[] PublicKeyHash { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Softly, before; null: an orphan, which no order ever named.</summary>
    public DateTimeOffset? DeletedAt { get; init; }

    public required DateTimeOffset DestroyedAt { get; init; }
}

/// <summary>The last word on a domain or a node that is gone, as it was issued.</summary>
internal sealed class IssuedReceipt
{
    public long Id { get; private set; }

    public Guid? DomainId { get; init; }

    public Guid? NodeId { get; init; }

    /// <summary>JSON.</summary>
    public required string Document { get; init; }

    /// <summary>Of the document, UTF-8; the audit trail has it as well.</summary>
    public required byte[] Sha256 { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }
}
