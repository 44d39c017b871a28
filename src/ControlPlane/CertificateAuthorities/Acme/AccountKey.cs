using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Vault;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>
/// An account's P-256 key, opened. It stays open for as long as the program runs, because every call is signed with it;
/// it rests in the vault. It cannot print itself.
/// </summary>
internal sealed class AccountKey : IDisposable
{
    private readonly ECDsa _key;
    private readonly Lock _guard = new();

    private AccountKey(ECDsa key)
    {
        _key = key;
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        // Members in this order and without spaces: the thumbprint is taken of these very bytes (RFC 7638 §3).
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        Jwk = $$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""";
        Thumbprint = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Jwk)));
    }

    /// <summary>The public half as JSON Web Key.</summary>
    public string Jwk { get; }

    /// <summary>What a key authorization ends in (RFC 8555 §8.1).</summary>
    public string Thumbprint { get; }

    /// <summary>Makes a fresh key and the form the vault takes it in.</summary>
    public static (AccountKey Key, PrivateKey ToSeal) Make()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (
            new AccountKey(key),
            new PrivateKey(key.ExportPkcs8PrivateKey(), SHA256.HashData(key.ExportSubjectPublicKeyInfo())));
    }

    public static AccountKey Open(PrivateKey opened)
    {
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(opened.Pkcs8, out _);
        return new AccountKey(key);
    }

    /// <summary>ES256: SHA-256, and both numbers of the signature one after the other (RFC 7518 §3.4).</summary>
    public byte[] Sign(byte[] data)
    {
        // One key serves all orders at once, and the platform's object is not made for that.
        lock (_guard)
        {
            return _key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
    }

    public override string ToString() => "(account key)";

    public void Dispose() => _key.Dispose();
}
