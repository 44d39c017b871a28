namespace ControlPlane.Vault;

/// <summary>A sealed private key at rest. Nothing in this row opens without the key-encryption key.</summary>
internal sealed class VaultKey
{
    public required Guid Id { get; init; }

    public required Guid DomainId { get; init; }

    public required Guid OrderId { get; init; }

    /// <summary>SHA-256 of the public key (SubjectPublicKeyInfo DER).</summary>
    public required byte[] PublicKeyHash { get; init; }

    /// <summary>The key-encryption key that wraps the data key; rewrapping changes this and <see cref="WrappedKey"/>
    /// only.</summary>
    public required string KekId { get; set; }

    public required byte[] WrappedKey { get; set; }

    public required byte[] Nonce { get; init; }

    /// <summary>Ciphertext with its 16-byte tag at the end.</summary>
    public required byte[] Ciphertext { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Soft deletion; destroyed 30 days later.</summary>
    public DateTimeOffset? DeletedAt { get; set; }
}
