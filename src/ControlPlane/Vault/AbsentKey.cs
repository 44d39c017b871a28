namespace ControlPlane.Vault;

/// <summary>Stands where a replica is not to hold a key-encryption key (<c>Vault:CanOpen=false</c>).</summary>
internal sealed class AbsentKey : IKeyEncryptionKey
{
    public string Id => "absent";

    public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct) => throw Refuse();

    public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct) => throw Refuse();

    private static VaultException Refuse() => new("This replica holds no key-encryption key (Vault:CanOpen is false).");
}
