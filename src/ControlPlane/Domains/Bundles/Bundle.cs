namespace ControlPlane.Domains.Bundles;

/// <summary>Leaf, chain and the name of the key in the vault: immutable once recorded.</summary>
internal sealed class Bundle
{
    public required Guid Id { get; init; }

    public required Guid DomainId { get; init; }

    public required Guid OrderId { get; init; }

    /// <summary>The private key, in the vault.</summary>
    public required Guid KeyId { get; init; }

    public required string ChainId { get; init; }

    /// <summary>DER.</summary>
    public required byte[] Leaf { get; init; }

    /// <summary>The issuer's distinguished name as the leaf prints it.</summary>
    public required string Issuer { get; init; }

    /// <summary>Upper-case hexadecimal.</summary>
    public required string Serial { get; init; }

    /// <summary>SHA-256 of the leaf, lower-case hexadecimal.</summary>
    public required string Fingerprint { get; init; }

    public required DateTimeOffset NotBefore { get; init; }

    public required DateTimeOffset NotAfter { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Intermediates, stored and sent once however many leaves stand on them.</summary>
internal sealed class Chain
{
    /// <summary>Lower-case hexadecimal SHA-256 over the concatenated DER.</summary>
    public required string Id { get; init; }

    /// <summary>DER, the leaf's issuer first.</summary>
    public required byte[][] Intermediates { get; init; }
}

/// <summary>An id the CA gave for an order, recorded even by a worker that had lost its lease.</summary>
internal sealed class CaOrderSeen
{
    public required Guid OrderId { get; init; }

    public required string CaOrderId { get; init; }

    public required DateTimeOffset SeenAt { get; init; }

    public DateTimeOffset? CanceledAt { get; set; }
}
