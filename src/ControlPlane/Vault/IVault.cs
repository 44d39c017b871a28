using System.Security.Cryptography;

namespace ControlPlane.Vault;

/// <summary>
/// Where private keys rest, sealed. A key goes in before its CSR leaves, and comes out only to be sealed for a node.
/// Calls are independent of the caller's transaction: a sealed key whose order was never committed is an orphan, and is
/// collected.
/// </summary>
internal interface IVault
{
    /// <summary>Seals a key and returns its id. Durable when it returns.</summary>
    /// <exception cref="VaultException">The vault or its key-encryption key cannot be reached.</exception>
    Task<Guid> SealAsync(PrivateKey key, Guid domain, Guid order, CancellationToken ct);

    /// <summary>Reads keys, sealed as they rest, in one query: a fleet's first sync asks for thousands. What is not
    /// there, or deleted, is left out.</summary>
    /// <exception cref="VaultException">The vault cannot be reached.</exception>
    Task<IReadOnlyDictionary<Guid, VaultKey>> ReadAsync(IReadOnlyCollection<Guid> keyIds, CancellationToken ct);

    /// <summary>Opens a key that was read. Only replicas that hold the key-encryption key can.</summary>
    /// <exception cref="VaultException">No key-encryption key, or an altered row.</exception>
    Task<PrivateKey> OpenAsync(VaultKey key, CancellationToken ct);

    /// <summary>Deletes softly: the key is destroyed 30 days later. Deleting twice, or what is not there, is no
    /// error.</summary>
    Task DeleteAsync(Guid keyId, CancellationToken ct);
}

/// <summary>A private key in the clear, for as short as possible: disposing it zeroes its memory, and it cannot print
/// itself.</summary>
/// <param name="pkcs8">PKCS#8 DER; owned from now on.</param>
/// <param name="publicKeyHash">SHA-256 of the public half's SubjectPublicKeyInfo.</param>
internal sealed class PrivateKey(byte[] pkcs8, byte[] publicKeyHash) : IDisposable
{
    /// <summary>SHA-256 of the public half's SubjectPublicKeyInfo; 32 bytes, no secret.</summary>
    public byte[] PublicKeyHash { get; } = publicKeyHash;

    /// <summary>PKCS#8 DER. Do not copy.</summary>
    public ReadOnlySpan<byte> Pkcs8 => pkcs8;

    public override string ToString() => "(private key)";

    public void Dispose() => CryptographicOperations.ZeroMemory(pkcs8);
}

/// <summary>The vault could not do what was asked.</summary>
internal sealed class VaultException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The key-encryption key gave no answer (time-out, throttling, no connection): the same call may succeed
    /// later. False when the answer was no.</summary>
    public bool IsAway { get; init; }
}
