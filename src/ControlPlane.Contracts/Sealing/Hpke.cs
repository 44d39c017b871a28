using System.Security.Cryptography;

namespace ControlPlane.Contracts.Sealing;

/// <summary>
/// HPKE, base mode, single shot (RFC 9180 §5.1.1, §6.1): DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Built on
/// the framework's ECDH, HKDF and AES-GCM because .NET 10 has no HPKE; held to the RFC's test vectors.
/// </summary>
public static class Hpke
{
    /// <summary>Length of <c>enc</c>: an uncompressed P-256 point (RFC 9180 §7.1, Nenc).</summary>
    public const int EncapsulationBytes = 65;

    private const int TagBytes = 16;

    /// <summary>Seals <paramref name="plaintext"/> so that only the holder of the recipient's private key opens
    /// it.</summary>
    /// <param name="recipient">The recipient's public P-256 key.</param>
    /// <param name="info">Application context (RFC 9180 §5.1).</param>
    /// <param name="additionalData">Authenticated but not encrypted; the opener must present the same bytes.</param>
    /// <param name="plaintext">What to seal.</param>
    /// <returns>The encapsulated ephemeral key and the ciphertext with its 16-byte tag at the end.</returns>
    public static (byte[] Encapsulation, byte[] Ciphertext) Seal(
        ECDiffieHellmanPublicKey recipient,
        ReadOnlySpan<byte> info,
        ReadOnlySpan<byte> additionalData,
        ReadOnlySpan<byte> plaintext)
    {
        using var ephemeral = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        return Seal(ephemeral, recipient, info, additionalData, plaintext, HpkeAead.Aes256Gcm);
    }

    /// <summary>Opens what
    /// <see cref="Seal(ECDiffieHellmanPublicKey, ReadOnlySpan{byte}, ReadOnlySpan{byte}, ReadOnlySpan{byte})"/>
    /// sealed.</summary>
    /// <param name="recipient">The recipient's private P-256 key.</param>
    /// <param name="encapsulation">The sender's <c>enc</c>.</param>
    /// <param name="info">The same context as sealed under.</param>
    /// <param name="additionalData">The same additional data as sealed under.</param>
    /// <param name="ciphertext">Ciphertext with tag.</param>
    /// <returns>The plaintext. The caller owns it and zeroes it.</returns>
    /// <exception cref="CryptographicException">Wrong key, wrong context, wrong additional data, or altered
    /// bytes.</exception>
    public static byte[] Open(
        ECDiffieHellman recipient,
        ReadOnlySpan<byte> encapsulation,
        ReadOnlySpan<byte> info,
        ReadOnlySpan<byte> additionalData,
        ReadOnlySpan<byte> ciphertext) =>
        Open(recipient, encapsulation, info, additionalData, ciphertext, HpkeAead.Aes256Gcm);

    internal static (byte[] Encapsulation, byte[] Ciphertext) Seal(
        ECDiffieHellman ephemeral,
        ECDiffieHellmanPublicKey recipient,
        ReadOnlySpan<byte> info,
        ReadOnlySpan<byte> additionalData,
        ReadOnlySpan<byte> plaintext,
        HpkeAead aead)
    {
        var encapsulation = HpkePoint.Serialize(ephemeral.PublicKey);
        var secret = ephemeral.DeriveRawSecretAgreement(recipient);
        var (key, nonce) = HpkeSchedule.Derive(secret, encapsulation, HpkePoint.Serialize(recipient), info, aead);
        try
        {
            var sealedBytes = new byte[plaintext.Length + TagBytes];
            using var gcm = new AesGcm(key, TagBytes);
            gcm.Encrypt(
                nonce,
                plaintext,
                sealedBytes.AsSpan(0, plaintext.Length),
                sealedBytes.AsSpan(plaintext.Length),
                additionalData);
            return (encapsulation, sealedBytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(key);
        }
    }

    internal static byte[] Open(
        ECDiffieHellman recipient,
        ReadOnlySpan<byte> encapsulation,
        ReadOnlySpan<byte> info,
        ReadOnlySpan<byte> additionalData,
        ReadOnlySpan<byte> ciphertext,
        HpkeAead aead)
    {
        if (ciphertext.Length < TagBytes)
        {
            throw new CryptographicException("The sealed text is shorter than its tag.");
        }

        using var sender = HpkePoint.Deserialize(encapsulation);
        var secret = recipient.DeriveRawSecretAgreement(sender.PublicKey);
        var (key, nonce) = HpkeSchedule.Derive(
            secret, encapsulation, HpkePoint.Serialize(recipient.PublicKey), info, aead);
        var plaintext = new byte[ciphertext.Length - TagBytes];
        try
        {
            using var gcm = new AesGcm(key, TagBytes);
            gcm.Decrypt(nonce, ciphertext[..^TagBytes], ciphertext[^TagBytes..], plaintext, additionalData);
            return plaintext;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(key);
        }
    }
}
