using System.Security.Cryptography;

namespace ControlPlane.Vault;

/// <summary>AES-256-GCM as this vault writes it: ciphertext with the 16-byte tag at its end (NIST SP
/// 800-38D).</summary>
internal static class AesGcmBox
{
    public const int KeyBytes = 32;
    public const int NonceBytes = 12;
    private const int TagBytes = 16;

    public static byte[] Seal(
        ReadOnlySpan<byte> key, byte[] nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> bound)
    {
        var box = new byte[plaintext.Length + TagBytes];
        using var gcm = new AesGcm(key, TagBytes);
        gcm.Encrypt(nonce, plaintext, box.AsSpan(0, plaintext.Length), box.AsSpan(plaintext.Length), bound);
        return box;
    }

    /// <exception cref="CryptographicException">Another key, another binding, or altered bytes.</exception>
    public static byte[] Open(ReadOnlySpan<byte> key, byte[] nonce, ReadOnlySpan<byte> box, ReadOnlySpan<byte> bound)
    {
        if (box.Length < TagBytes || nonce.Length != NonceBytes)
        {
            throw new CryptographicException("The sealed text is shorter than its tag, or its nonce is none.");
        }

        var plaintext = new byte[box.Length - TagBytes];
        using var gcm = new AesGcm(key, TagBytes);
        gcm.Decrypt(nonce, box[..^TagBytes], box[^TagBytes..], plaintext, bound);
        return plaintext;
    }
}
