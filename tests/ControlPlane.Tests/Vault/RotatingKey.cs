using ControlPlane.Vault;

namespace ControlPlane.Tests.Vault;

/// <summary>What a restart with other settings changes: the keys a replica holds.</summary>
internal sealed class RotatingKey(IKeyEncryptionKey first) : IKeyEncryptionKey
{
    public IKeyEncryptionKey Now { get; set; } = first;

    public string Id => Now.Id;

    public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct) => Now.WrapAsync(dataKey, ct);

    public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct) =>
        Now.UnwrapAsync(keyId, wrapped, ct);

    /// <summary>A new local key.</summary>
    public static LocalKeyFile NewFile(string folder)
    {
        var path = Path.Combine(folder, $"kek-{Guid.NewGuid():N}");
        LocalKeyFile.Create(path);
        return LocalKeyFile.Load(path);
    }
}
