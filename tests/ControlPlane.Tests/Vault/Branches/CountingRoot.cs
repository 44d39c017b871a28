using System.Collections.Concurrent;
using System.Security.Cryptography;
using ControlPlane.Vault;
using ControlPlane.Vault.Branches;

namespace ControlPlane.Tests.Vault.Branches;

/// <summary>Stands in for a KMS or an HSM: seals branch keys under a key of its own, and counts what it is
/// asked.</summary>
internal sealed class CountingRoot : IRootKey
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(AesGcmBox.KeyBytes);
    private readonly ConcurrentBag<byte[]> _given = [];
    private int _made;
    private int _opened;

    public string Id => "stand-in:root";

    public int Made => _made;

    public int Opened => _opened;

    /// <summary>Every branch key handed out, as it is now: all zero when its holder is done with it.</summary>
    public IReadOnlyCollection<byte[]> Given => _given;

    /// <summary>While set, calls wait for it.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    public bool ForgetsWhatItSealed { get; set; }

    public async Task<(byte[] Key, byte[] Sealed)> CreateAsync(CancellationToken ct)
    {
        Interlocked.Increment(ref _made);
        await Gate;
        var key = Give(RandomNumberGenerator.GetBytes(AesGcmBox.KeyBytes));
        var nonce = RandomNumberGenerator.GetBytes(AesGcmBox.NonceBytes);
        return (key, [.. nonce, .. AesGcmBox.Seal(_key, nonce, key, "root"u8)]);
    }

    public async Task<byte[]> OpenAsync(byte[] sealedKey, CancellationToken ct)
    {
        Interlocked.Increment(ref _opened);
        await Gate;
        return ForgetsWhatItSealed
            ? throw new VaultException("The stand-in may not decrypt.")
            : Give(AesGcmBox.Open(
                _key, sealedKey[..AesGcmBox.NonceBytes], sealedKey.AsSpan(AesGcmBox.NonceBytes), "root"u8));
    }

    public void Dispose()
    {
        // A replica's end is not the KMS's.
    }

    private byte[] Give(byte[] key)
    {
        _given.Add(key);
        return key;
    }
}
