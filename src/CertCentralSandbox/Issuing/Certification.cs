using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CertCentralSandbox.Issuing;

/// <summary>Reads certification requests (PKCS#10).</summary>
internal static class Certification
{
    public const string RsaOid = "1.2.840.113549.1.1.1";
    private const int SmallestRsaBits = 2048;

    /// <summary>The request's key and its size in bits, or null when the CSR cannot be read, its self-signature is
    /// wrong, or its key is none that the Baseline Requirements allow (RSA from 2048, P-256, P-384, P-521).</summary>
    public static (PublicKey Key, int Bits)? Read(string csrPem)
    {
        try
        {
            var ask = CertificateRequest.LoadSigningRequestPem(csrPem, HashAlgorithmName.SHA256);
            using var rsa = ask.PublicKey.GetRSAPublicKey();
            using var ecdsa = ask.PublicKey.GetECDsaPublicKey();
            return rsa is { KeySize: >= SmallestRsaBits } ? (ask.PublicKey, rsa.KeySize)
                : ecdsa is { KeySize: 256 or 384 or 521 } ? (ask.PublicKey, ecdsa.KeySize)
                : null;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return null;
        }
    }
}
