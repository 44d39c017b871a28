using System.Security.Cryptography;
using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Vault;

/// <summary>
/// The vault in PostgreSQL: each private key under a data key of its own, which is wrapped by the key-encryption key.
/// The payload is bound to domain, order, key id and public key; the id of the key-encryption key is bound in the wrap
/// only, so that rotating it never touches a payload.
/// </summary>
internal sealed class PostgresVault(
    IDbContextFactory<ControlPlaneDb> databases, IKeyEncryptionKey kek, TimeProvider time) : IVault
{
    public async Task<Guid> SealAsync(PrivateKey key, Guid domain, Guid order, CancellationToken ct)
    {
        var id = Guid.CreateVersion7(time.GetUtcNow());
        var dataKey = RandomNumberGenerator.GetBytes(AesGcmBox.KeyBytes);
        try
        {
            var nonce = RandomNumberGenerator.GetBytes(AesGcmBox.NonceBytes);
            var row = new VaultKey
            {
                Id = id,
                DomainId = domain,
                OrderId = order,
                PublicKeyHash = key.PublicKeyHash,
                KekId = kek.Id,
                WrappedKey = await kek.WrapAsync(dataKey, ct),
                Nonce = nonce,
                Ciphertext = AesGcmBox.Seal(dataKey, nonce, key.Pkcs8, Binding(domain, order, id, key.PublicKeyHash)),
                CreatedAt = time.GetUtcNow(),
            };
            await using var db = await databases.CreateDbContextAsync(ct);
            db.VaultKeys.Add(row);
            await db.SaveChangesAsync(ct);
            return id;
        }
        catch (Exception fault) when (IsAway(fault))
        {
            throw new VaultException("The vault cannot be written.", fault);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(dataKey);
        }
    }

    public async Task<IReadOnlyDictionary<Guid, VaultKey>> ReadAsync(
        IReadOnlyCollection<Guid> keyIds, CancellationToken ct)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            return await db.VaultKeys.AsNoTracking()
                .Where(row => keyIds.Contains(row.Id) && row.DeletedAt == null)
                .ToDictionaryAsync(row => row.Id, ct);
        }
        catch (Exception fault) when (IsAway(fault))
        {
            throw new VaultException("The vault cannot be read.", fault);
        }
    }

    public async Task<PrivateKey> OpenAsync(VaultKey key, CancellationToken ct)
    {
        var dataKey = await kek.UnwrapAsync(key.KekId, key.WrappedKey, ct);
        try
        {
            var bound = Binding(key.DomainId, key.OrderId, key.Id, key.PublicKeyHash);
            return new PrivateKey(AesGcmBox.Open(dataKey, key.Nonce, key.Ciphertext, bound), key.PublicKeyHash);
        }
        catch (CryptographicException fault)
        {
            throw new VaultException($"Key {key.Id} does not open: its row was altered.", fault);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(dataKey);
        }
    }

    public async Task DeleteAsync(Guid keyId, CancellationToken ct)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            await db.VaultKeys.Where(row => row.Id == keyId && row.DeletedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.DeletedAt, time.GetUtcNow()), ct);
        }
        catch (Exception fault) when (IsAway(fault))
        {
            throw new VaultException("The vault cannot be written.", fault);
        }
    }

    /// <summary>EF Core wraps what it takes for transient in an InvalidOperationException.</summary>
    private static bool IsAway(Exception fault) =>
        fault is NpgsqlException or DbUpdateException or InvalidOperationException { InnerException: NpgsqlException };

    /// <summary>Fixed lengths throughout, so that no two bindings share bytes.</summary>
    private static byte[] Binding(Guid domain, Guid order, Guid key, byte[] publicKeyHash) =>
        [.. "vault v1"u8, .. domain.ToByteArray(), .. order.ToByteArray(), .. key.ToByteArray(), .. publicKeyHash];
}
