using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ControlPlane.Contracts.Sealing;

/// <summary>The AEADs of RFC 9180 §7.3 that are built here. Only AES-256-GCM is used; the RFC prints its P-256 vectors
/// for AES-128-GCM, and the tests hold the same code to them.</summary>
internal enum HpkeAead : ushort
{
    Aes128Gcm = 1,
    Aes256Gcm = 2,
}

/// <summary>Key derivation of RFC 9180: ExtractAndExpand (§4.1) and KeySchedule in base mode (§5.1).</summary>
internal static class HpkeSchedule
{
    private const ushort KemP256 = 0x0010;
    private const ushort KdfSha256 = 0x0001;
    private const int HashBytes = 32;
    private const int NonceBytes = 12;

    internal static (byte[] Key, byte[] Nonce) Derive(
        ReadOnlySpan<byte> secretAgreement,
        ReadOnlySpan<byte> encapsulation,
        ReadOnlySpan<byte> recipientPoint,
        ReadOnlySpan<byte> info,
        HpkeAead aead)
    {
        byte[] kemSuite = [.. "KEM"u8, .. BigEndian(KemP256)];
        var extracted = LabeledExtract(kemSuite, [], "eae_prk"u8, secretAgreement);
        byte[] kemContext = [.. encapsulation, .. recipientPoint];
        var shared = LabeledExpand(kemSuite, extracted, "shared_secret"u8, kemContext, HashBytes);

        byte[] suite = [.. "HPKE"u8, .. BigEndian(KemP256), .. BigEndian(KdfSha256), .. BigEndian((ushort)aead)];
        var pskIdHash = LabeledExtract(suite, [], "psk_id_hash"u8, []);
        var infoHash = LabeledExtract(suite, [], "info_hash"u8, info);
        byte[] context = [0x00, .. pskIdHash, .. infoHash];
        var secret = LabeledExtract(suite, shared, "secret"u8, []);
        try
        {
            var keyBytes = aead == HpkeAead.Aes256Gcm ? 32 : 16;
            return (
                LabeledExpand(suite, secret, "key"u8, context, keyBytes),
                LabeledExpand(suite, secret, "base_nonce"u8, context, NonceBytes));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(extracted);
            CryptographicOperations.ZeroMemory(shared);
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private static byte[] LabeledExtract(
        ReadOnlySpan<byte> suite,
        ReadOnlySpan<byte> salt,
        ReadOnlySpan<byte> label,
        ReadOnlySpan<byte> input)
    {
        byte[] labeled = [.. "HPKE-v1"u8, .. suite, .. label, .. input];
        var output = new byte[HashBytes];
        HKDF.Extract(HashAlgorithmName.SHA256, labeled, salt, output);
        CryptographicOperations.ZeroMemory(labeled);
        return output;
    }

    private static byte[] LabeledExpand(
        ReadOnlySpan<byte> suite,
        ReadOnlySpan<byte> secret,
        ReadOnlySpan<byte> label,
        ReadOnlySpan<byte> context,
        int length)
    {
        byte[] labeled = [.. BigEndian((ushort)length), .. "HPKE-v1"u8, .. suite, .. label, .. context];
        var output = new byte[length];
        HKDF.Expand(HashAlgorithmName.SHA256, secret, output, labeled);
        return output;
    }

    private static byte[] BigEndian(ushort value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return bytes;
    }
}
