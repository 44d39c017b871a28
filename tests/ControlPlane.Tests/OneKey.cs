using ControlPlane.Vault;

namespace ControlPlane.Tests;

/// <summary>Programs read keys by the batch; tests mostly want one.</summary>
internal static class OneKey
{
    /// <exception cref="VaultException">There is no such key, or it does not open.</exception>
    public static async Task<PrivateKey> OpenAsync(this IVault vault, Guid id, CancellationToken ct)
    {
        var keys = await vault.ReadAsync([id], ct);
        return keys.TryGetValue(id, out var key)
            ? await vault.OpenAsync(key, ct)
            : throw new VaultException($"There is no key {id}.");
    }
}
