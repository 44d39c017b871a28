using System.Security.Cryptography;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Database;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Webhooks.Sending;

/// <summary>
/// Keeps webhooks' secrets. They are sealed (HPKE) to a public key whose private half is in the vault, so that a
/// replica that faces portals and cannot open the vault makes secrets, and only those that can sign with them. The
/// private half is a key of the vault like any other: a rewrap carries it along.
/// </summary>
internal sealed class SecretSeal(
    IDbContextFactory<ControlPlaneDb> databases, IVault vault, KeyRing ring, TimeProvider time)
{
    /// <summary>As long as the hash.</summary>
    public const int SecretBytes = 32;

    private static ReadOnlySpan<byte> Kind => "controlplane webhook secret v1"u8;

    /// <summary>Makes the key if there is none. Two replicas that do so at once make two: both open what was sealed to
    /// them.</summary>
    /// <returns>False when there is none and this replica cannot make it.</returns>
    /// <exception cref="VaultException">The vault cannot be reached.</exception>
    public async Task<bool> PrepareAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.WebhookSealingKeys.AnyAsync(ct))
        {
            return true;
        }

        if (!ring.IsOpen)
        {
            return false;
        }

        using var pair = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var publicKey = pair.ExportSubjectPublicKeyInfo();
        using var key = new PrivateKey(pair.ExportPkcs8PrivateKey(), SHA256.HashData(publicKey));
        db.Add(new WebhookSealingKey
        {
            // Of no domain and no order.
            Id = await vault.SealAsync(key, Guid.Empty, Guid.Empty, ct),
            PublicKey = publicKey,
            CreatedAt = time.NowStored(),
        });
        await db.SaveChangesAsync(ct);
        return true;
    }

    /// <summary>Makes a secret for a webhook. The caller saves the row, and zeroes the secret.</summary>
    /// <returns>Null while there is no key to seal it to.</returns>
    public async Task<(WebhookSecret Row, byte[] Secret)?> MakeAsync(Guid webhook, CancellationToken ct)
    {
        if (!await PrepareAsync(ct))
        {
            return null;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        var key = await db.WebhookSealingKeys.AsNoTracking().OrderByDescending(row => row.CreatedAt)
            .ThenBy(row => row.Id).FirstAsync(ct);
        using var recipient = ECDiffieHellman.Create();
        recipient.ImportSubjectPublicKeyInfo(key.PublicKey, out _);
        var now = time.NowStored();
        var id = Guid.CreateVersion7(now);
        var secret = RandomNumberGenerator.GetBytes(SecretBytes);
        var (encapsulation, ciphertext) = Hpke.Seal(recipient.PublicKey, Kind, Binding(webhook, id), secret);
        return (
            new WebhookSecret
            {
                Id = id,
                WebhookId = webhook,
                SealingKeyId = key.Id,
                Encapsulation = encapsulation,
                Ciphertext = ciphertext,
                CreatedAt = now,
            },
            secret);
    }

    /// <summary>A webhook's secrets, the newest first.</summary>
    /// <exception cref="VaultException">The vault cannot be reached, or a row was altered.</exception>
    public async Task<OpenedSecrets> OpenAsync(Guid webhook, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.WebhookSecrets.AsNoTracking().Where(row => row.WebhookId == webhook)
            .OrderByDescending(row => row.Id).ToListAsync(ct);
        var opened = new List<byte[]>();
        foreach (var row in rows)
        {
            var stored = await db.VaultKeys.AsNoTracking().SingleAsync(one => one.Id == row.SealingKeyId, ct);
            using var key = await vault.OpenAsync(stored, ct);
            using var recipient = ECDiffieHellman.Create();
            recipient.ImportPkcs8PrivateKey(key.Pkcs8, out _);
            try
            {
                opened.Add(Hpke.Open(
                    recipient, row.Encapsulation, Kind, Binding(row.WebhookId, row.Id), row.Ciphertext));
            }
            catch (CryptographicException fault)
            {
                throw new VaultException($"Secret {row.Id} of a webhook does not open: its row was altered.", fault);
            }
        }

        return new OpenedSecrets(opened);
    }

    /// <summary>Of fixed length, so that no two bindings share bytes.</summary>
    private static byte[] Binding(Guid webhook, Guid secret) => [.. webhook.ToByteArray(), .. secret.ToByteArray()];
}

/// <summary>Secrets in the clear, for as long as a replica sends. They cannot print themselves.</summary>
internal sealed class OpenedSecrets(IReadOnlyList<byte[]> secrets) : IDisposable
{
    /// <summary>One signature for each, as Standard Webhooks writes them.</summary>
    public string Sign(string id, long timestamp, ReadOnlySpan<byte> body)
    {
        var signatures = new List<string>();
        foreach (var secret in secrets)
        {
            signatures.Add(WebhookSignature.Of(secret, id, timestamp, body));
        }

        return string.Join(' ', signatures);
    }

    public void Dispose()
    {
        foreach (var secret in secrets)
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }
}
