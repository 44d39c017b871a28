using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Vault;

namespace ControlPlane.Domains.Bundles;

/// <summary>A fresh key and the CSR that asks for a certificate over it. Disposing it zeroes the key.</summary>
/// <param name="Key">The private key, in the clear.</param>
/// <param name="Csr">PKCS#10 (RFC 2986), DER: the name as common name and as the one SAN.</param>
internal sealed record OrderKey(PrivateKey Key, byte[] Csr) : IDisposable
{
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
