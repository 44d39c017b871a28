namespace ControlPlane.Vault.Branches;

/// <summary>
/// A key-encryption key that sits elsewhere (a cloud's KMS, an HSM) and costs a call. It wraps branch keys only; those
/// wrap the data keys here, see <see cref="BranchedKey"/>.
/// </summary>
internal interface IRootKey : IDisposable
{
    /// <summary>Stored beside every wrap.</summary>
    string Id { get; }

    /// <summary>Makes a branch key of 32 bytes; the caller zeroes it.</summary>
    /// <exception cref="VaultException">The root said no, or is away.</exception>
    Task<(byte[] Key, byte[] Sealed)> CreateAsync(CancellationToken ct);

    /// <summary>Opens a branch key; the caller zeroes it.</summary>
    /// <exception cref="VaultException">The root said no, or is away.</exception>
    Task<byte[]> OpenAsync(byte[] sealedKey, CancellationToken ct);
}
