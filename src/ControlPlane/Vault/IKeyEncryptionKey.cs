namespace ControlPlane.Vault;

/// <summary>
/// The key that wraps data keys. It may live in a file, a cloud service or an HSM; nothing else in the program ever
/// sees it. Wrapping binds the key's own id, so that a wrap of one key never opens as that of another.
/// </summary>
internal interface IKeyEncryptionKey
{
    /// <summary>Names the key new data keys are wrapped under. Stored beside every wrap.</summary>
    string Id { get; }

    /// <exception cref="VaultException">The key cannot be reached.</exception>
    Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct);

    /// <summary>Unwraps a data key; the caller zeroes it.</summary>
    /// <param name="keyId">The key it was wrapped under.</param>
    /// <param name="wrapped">What <see cref="WrapAsync"/> returned.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <exception cref="VaultException">The key is not the one named, cannot be reached, or the wrap was
    /// altered.</exception>
    Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct);
}
