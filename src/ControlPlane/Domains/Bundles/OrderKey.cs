using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Vault;

namespace ControlPlane.Domains.Bundles;

/// <summary>A fresh key and the CSR that asks for a certificate over it. Disposing it zeroes the key.</summary>
/// <param name="Key">The private key, in the clear.</param>
/// <param name="Csr">PKCS#10 (RFC 2986), DER: the name as common name and as the one SAN.</param>
internal sealed record OrderKey(PrivateKey Key, byte[] Csr) : IDisposable
{
    private const string RsaKey = "1.2.840.113549.1.1.1";

    public static OrderKey Make(string hostname, KeyAlgorithm algorithm)
    {
        if (algorithm == KeyAlgorithm.Rsa2048)
        {
            using var rsa = RSA.Create(2048);
            var request = new CertificateRequest(
                Subject(hostname), rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            return Finish(rsa, request, hostname);
        }

        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Finish(ecdsa, new CertificateRequest(Subject(hostname), ecdsa, HashAlgorithmName.SHA256), hostname);
    }

    /// <summary>A key that was made elsewhere, with a CSR of ours over it: from here on it is as any other.</summary>
    /// <param name="hostname">The name.</param>
    /// <param name="leaf">DER of the certificate over the key.</param>
    /// <param name="pkcs8">The private key; zeroed.</param>
    /// <returns>Null when the key is not the leaf's.</returns>
    public static OrderKey? Adopt(string hostname, byte[] leaf, byte[] pkcs8)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(leaf);
        using AsymmetricAlgorithm pair = certificate.GetKeyAlgorithm() == RsaKey ? RSA.Create() : ECDsa.Create();
        try
        {
            pair.ImportPkcs8PrivateKey(pkcs8, out _);
            if (!pair.ExportSubjectPublicKeyInfo().AsSpan()
                .SequenceEqual(certificate.PublicKey.ExportSubjectPublicKeyInfo()))
            {
                return null;
            }

            var request = pair is RSA rsa
                ? new CertificateRequest(Subject(hostname), rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
                : new CertificateRequest(Subject(hostname), (ECDsa)pair, HashAlgorithmName.SHA256);
            return Finish(pair, request, hostname);
        }
        catch (CryptographicException)
        {
            // Of another kind than the leaf's, or no key at all.
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pkcs8);
        }
    }

    public void Dispose() => Key.Dispose();

    private static OrderKey Finish(AsymmetricAlgorithm pair, CertificateRequest request, string hostname)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(hostname);
        request.CertificateExtensions.Add(names.Build());
        var publicKeyHash = SHA256.HashData(pair.ExportSubjectPublicKeyInfo());
        return new OrderKey(
            new PrivateKey(pair.ExportPkcs8PrivateKey(), publicKeyHash), request.CreateSigningRequest());
    }

    private static X500DistinguishedName Subject(string hostname)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(hostname);
        return subject.Build();
    }
}
