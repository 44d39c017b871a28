namespace ControlPlane.Adoptions;

/// <summary>An admin's leave for one node of a fleet to hand in private keys, for a short while.</summary>
internal sealed class Adoption
{
    public required Guid Id { get; init; }

    public required Guid FleetId { get; init; }

    public required byte[] CodeHash { get; init; }

    /// <summary>In the vault: the private half of <see cref="PublicKey"/>.</summary>
    public required Guid KeyId { get; init; }

    /// <summary>What keys are sealed to.</summary>
    public required byte[] PublicKey { get; init; }

    /// <summary>The first node that handed something in; no other may.</summary>
    public Guid? NodeId { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? ClosedAt { get; init; }
}

/// <summary>What a node handed in for an order: a request to the order's step, then the record of its answer.</summary>
internal sealed class AdoptedBundle
{
    public required Guid OrderId { get; init; }

    public required Guid AdoptionId { get; init; }

    public required Guid NodeId { get; init; }

    public required string Fingerprint { get; init; }

    /// <summary>DER.</summary>
    public required byte[] Leaf { get; init; }

    /// <summary>DER, the leaf's issuer first.</summary>
    public required byte[][] Intermediates { get; init; }

    public byte[]? Encapsulation { get; private set; }

    /// <summary>The private key, sealed to the adoption's key; gone once settled.</summary>
    public byte[]? Ciphertext { get; private set; }

    public required DateTimeOffset HandedInAt { get; init; }

    public DateTimeOffset? SettledAt { get; private set; }

    /// <summary>Why it was not taken, in a sentence; null when it was.</summary>
    public string? Refusal { get; private set; }

    public DateTimeOffset? CaLookedAt { get; private set; }

    /// <summary>Leaf first.</summary>
    public IReadOnlyList<byte[]> Certificates => [Leaf, .. Intermediates];

    /// <summary>Ends it: the key is in the vault, or it is nowhere.</summary>
    public void Settle(string? refusal, DateTimeOffset now) =>
        (SettledAt, Refusal, Encapsulation, Ciphertext) = (now, refusal, null, null);
}
