using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace ControlPlane.Vault;

/// <summary>
/// The default key-encryption key: 32 random bytes, base64, in a file of mode 0600 that is on no disk with the
/// database. Whoever has this file and a dump of the database has every private key.
/// </summary>
internal sealed class LocalKeyFile : IKeyEncryptionKey
{
    /// <summary>Held as long as the program runs. Zeroing it at the end would be worth nothing, and whatever was still
    /// under way would wrap under zeroes.</summary>
    private readonly byte[] _key;

    private LocalKeyFile(byte[] key)
    {
        _key = key;
        Id = "file:" + Convert.ToHexStringLower(SHA256.HashData(key))[..16];
    }

    public string Id { get; }

    /// <exception cref="VaultException">The file is missing, readable by others, or not a key.</exception>
    public static LocalKeyFile Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new VaultException(
                $"There is no key-encryption key at {path}. Make one with 'ControlPlane vault create-key --out {path}' "
                + "and keep a copy apart from the database's backups: without it they are worthless.");
        }

        OwnersFile.Check(path, "The key-encryption key");
        // In bytes and not as a string, which could not be zeroed.
        var text = File.ReadAllBytes(path);
        var key = new byte[AesGcmBox.KeyBytes];
        var read = Base64.DecodeFromUtf8(text.AsSpan().Trim(" \t\r\n"u8), key, out _, out var length);
        CryptographicOperations.ZeroMemory(text);
        if (read != OperationStatus.Done || length != AesGcmBox.KeyBytes)
        {
            throw new VaultException($"{path} does not hold a key-encryption key (32 bytes, base64).");
        }

        return new LocalKeyFile(key);
    }

    /// <summary>Makes a key file; an existing one is never touched.</summary>
    /// <exception cref="VaultException">The file is there already.</exception>
    public static void Create(string path)
    {
        if (File.Exists(path))
        {
            throw new VaultException($"{path} is there already: a key-encryption key is never overwritten.");
        }

        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        var key = RandomNumberGenerator.GetBytes(AesGcmBox.KeyBytes);
        var text = new byte[Base64.GetMaxEncodedToUtf8Length(key.Length)];
        Base64.EncodeToUtf8(key, text, out _, out var length);
        file.Write(text.AsSpan(0, length));
        file.Flush(flushToDisk: true);
        CryptographicOperations.ZeroMemory(key);
        CryptographicOperations.ZeroMemory(text);
    }

    public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct)
    {
        var nonce = RandomNumberGenerator.GetBytes(AesGcmBox.NonceBytes);
        byte[] wrapped = [.. nonce, .. AesGcmBox.Seal(_key, nonce, dataKey, Encoding.UTF8.GetBytes(Id))];
        return Task.FromResult(wrapped);
    }

    public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct)
    {
        if (keyId != Id)
        {
            throw new VaultException($"The key was wrapped under {keyId}; this replica holds {Id}.");
        }

        try
        {
            return Task.FromResult(AesGcmBox.Open(
                _key,
                [.. wrapped.Take(AesGcmBox.NonceBytes)],
                wrapped.Length < AesGcmBox.NonceBytes ? [] : wrapped.AsSpan(AesGcmBox.NonceBytes),
                Encoding.UTF8.GetBytes(keyId)));
        }
        catch (CryptographicException fault)
        {
            throw new VaultException("A wrapped data key does not open: it was altered or belongs elsewhere.", fault);
        }
    }

    public override string ToString() => Id;
}
