using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.CertificateAuthorities;

/// <summary>
/// Puts a PEM download in order: leaf, its issuer, and so on, without the root. The number and order of blocks is not
/// promised, so the leaf is known by not being a CA and each next one by its name. Signatures are checked later, with
/// our key and names at hand.
/// </summary>
internal static class PemChain
{
    /// <returns>DER; empty when there is no leaf, or more than one.</returns>
    /// <exception cref="CryptographicException">A block is not a certificate.</exception>
    public static IReadOnlyList<byte[]> LeafFirst(string pem)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
            X509Certificate2[] leaves = [.. certificates.Where(c => !IsAuthority(c))];
            if (leaves.Length != 1)
            {
                return [];
            }

            var chain = new List<byte[]>();
            for (var next = leaves[0]; next is not null && !IsSelfIssued(next) && chain.Count < certificates.Count;)
            {
                chain.Add(next.RawData);
                var issuer = next.IssuerName.RawData;
                next = certificates.FirstOrDefault(
                    c => IsAuthority(c) && c.SubjectName.RawData.AsSpan().SequenceEqual(issuer));
            }

            return chain;
        }
        finally
        {
            foreach (var certificate in certificates)
            {
                certificate.Dispose();
            }
        }
    }

    private static bool IsAuthority(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(e => e.CertificateAuthority);

    private static bool IsSelfIssued(X509Certificate2 certificate) =>
        certificate.IssuerName.RawData.AsSpan().SequenceEqual(certificate.SubjectName.RawData);
}
