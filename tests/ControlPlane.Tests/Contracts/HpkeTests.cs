using System.Security.Cryptography;
using ControlPlane.Contracts.Sealing;

namespace ControlPlane.Tests.Contracts;

public sealed class HpkeTests
{
    // RFC 9180, Appendix A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, sequence number 0.
    private const string Info = "4f6465206f6e2061204772656369616e2055726e";
    private const string PublicE = "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac9"
        + "8536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4";
    private const string SecretE = "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb";
    private const string PublicR = "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a82"
        + "6a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0";
    private const string SecretR = "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2";
    private const string Plaintext = "4265617574792069732074727574682c20747275746820626561757479";
    private const string AdditionalData = "436f756e742d30";
    private const string Ciphertext = "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f"
        + "9076ac232e3ab2523f39513434";

    [Fact]
    public void Seal_gives_the_bytes_of_the_RFC()
    {
        using var ephemeral = Key(SecretE, PublicE);
        using var recipient = Key(SecretR, PublicR);

        var (encapsulation, ciphertext) = Hpke.Seal(
            ephemeral, recipient.PublicKey, Hex(Info), Hex(AdditionalData), Hex(Plaintext), HpkeAead.Aes128Gcm);

        Assert.Equal(PublicE, Convert.ToHexStringLower(encapsulation));
        Assert.Equal(Ciphertext, Convert.ToHexStringLower(ciphertext));
    }

    [Fact]
    public void Open_reads_the_bytes_of_the_RFC()
    {
        using var recipient = Key(SecretR, PublicR);

        var plaintext = Hpke.Open(
            recipient, Hex(PublicE), Hex(Info), Hex(AdditionalData), Hex(Ciphertext), HpkeAead.Aes128Gcm);

        Assert.Equal(Plaintext, Convert.ToHexStringLower(plaintext));
    }

    [Fact]
    public void What_is_sealed_opens_under_AES_256_and_only_with_the_same_binding()
    {
        using var recipient = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var (enc, ct) = Hpke.Seal(recipient.PublicKey, SealBinding.HpkeInfo, "aad"u8, "secret"u8);

        Assert.Equal("secret"u8, Hpke.Open(recipient, enc, SealBinding.HpkeInfo, "aad"u8, ct));
        Assert.ThrowsAny<CryptographicException>(() => Hpke.Open(recipient, enc, SealBinding.HpkeInfo, "axd"u8, ct));
        Assert.ThrowsAny<CryptographicException>(() => Hpke.Open(recipient, enc, "other"u8, "aad"u8, ct));
    }

    [Fact]
    public void A_seal_for_one_node_does_not_open_with_the_key_of_another()
    {
        using var recipient = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var (enc, ct) = Hpke.Seal(recipient.PublicKey, SealBinding.HpkeInfo, "aad"u8, "secret"u8);

        Assert.ThrowsAny<CryptographicException>(() => Hpke.Open(other, enc, SealBinding.HpkeInfo, "aad"u8, ct));
    }

    [Fact]
    public void A_point_off_the_curve_is_refused()
    {
        using var recipient = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var point = Hex(PublicE);
        point[^1] ^= 1;

        Assert.ThrowsAny<CryptographicException>(
            () => Hpke.Open(recipient, point, SealBinding.HpkeInfo, "aad"u8, new byte[32]));
    }

    [Fact]
    public void Two_bindings_never_share_their_bytes()
    {
        var binding = new SealBinding(Guid.NewGuid(), Guid.NewGuid(), "k", Guid.NewGuid(), Guid.NewGuid(), "f");

        Assert.NotEqual(
            binding.ToAdditionalData(), (binding with { SealingKey = "kf", Fingerprint = "" }).ToAdditionalData());
        Assert.NotEqual(
            binding.ToAdditionalData(),
            (binding with { Node = binding.Fleet, Fleet = binding.Node }).ToAdditionalData());
    }

    private static byte[] Hex(string hex) => Convert.FromHexString(hex);

    private static ECDiffieHellman Key(string secret, string point) => ECDiffieHellman.Create(new ECParameters
    {
        Curve = ECCurve.NamedCurves.nistP256,
        D = Hex(secret),
        Q = new ECPoint { X = Hex(point)[1..33], Y = Hex(point)[33..] },
    });
}
