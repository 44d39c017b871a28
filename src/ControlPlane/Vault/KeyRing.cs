using ControlPlane.Vault.Branches;

namespace ControlPlane.Vault;

/// <summary>
/// The key-encryption keys of this replica behind the one port: the first wraps, and each unwraps what was wrapped
/// under its id. A rotation puts the new key first and leaves the old one behind it until no row needs it.
/// </summary>
internal sealed class KeyRing : IKeyEncryptionKey, IDisposable
{
    private readonly IReadOnlyList<IKeyEncryptionKey> _keys;

    /// <exception cref="VaultException">A key is listed twice.</exception>
    public KeyRing(params IReadOnlyList<IKeyEncryptionKey> keys)
    {
        _keys = keys;
        if (keys.GroupBy(key => key.Id).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new VaultException($"Vault:Keys lists {twice.Key} twice. Remove one of the two.");
        }
    }

    public string Id => _keys[0].Id;

    /// <summary>False where <c>Vault:CanOpen</c> is: then nothing wraps or unwraps here.</summary>
    public bool IsOpen => _keys is not [AbsentKey];

    /// <summary>The keys held here, the wrapping one first; none where the ring is closed.</summary>
    public IReadOnlyList<string> Ids => IsOpen ? [.. _keys.Select(key => key.Id)] : [];

    /// <summary>Loads what the settings list. Files and HSMs are opened; a cloud's key is not asked for yet.</summary>
    /// <exception cref="VaultException">A setting is wrong; the message says which, and what to do.</exception>
    public static KeyRing Load(VaultOptions options)
    {
        if (!options.CanOpen)
        {
            return new KeyRing(new AbsentKey());
        }

        List<IKeyEncryptionKey> keys = [];
        foreach (var (place, key) in options.Listed().Index())
        {
            keys.Add(Load(place, key));
        }

        return new KeyRing(keys);
    }

    public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct) => _keys[0].WrapAsync(dataKey, ct);

    public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct) =>
        _keys.FirstOrDefault(key => key.Id == keyId || key is AbsentKey) is { } holder
            ? holder.UnwrapAsync(keyId, wrapped, ct)
            : throw new VaultException(
                $"The data key was wrapped under {keyId}, which this replica does not hold; it holds "
                + $"{string.Join(", ", Ids)}. Add the missing key to Vault:Keys.");

    public void Dispose()
    {
        foreach (var key in _keys.OfType<IDisposable>())
        {
            key.Dispose();
        }
    }

    public override string ToString() => string.Join(", ", Ids);

    private static IKeyEncryptionKey Load(int place, KeyOptions key)
    {
        try
        {
            return (key.File, key.AwsKms, key.Pkcs11) switch
            {
                ({ Length: > 0 } path, null or "", null or "") => LocalKeyFile.Load(path),
                (null or "", { Length: > 0 }, null or "") => new BranchedKey(AwsKmsKey.From(key), TimeProvider.System),
                (null or "", null or "", { Length: > 0 } uri) =>
                    new BranchedKey(Pkcs11Key.Open(uri, key.PinFile), TimeProvider.System),
                _ => throw new VaultException("set exactly one of File, AwsKms and Pkcs11."),
            };
        }
        catch (VaultException fault)
        {
            throw new VaultException($"Vault:Keys:{place}: {fault.Message}", fault);
        }
    }
}
