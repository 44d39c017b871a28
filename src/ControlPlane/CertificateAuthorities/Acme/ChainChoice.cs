using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>
/// Picks a chain where a CA offers several for one certificate (RFC 8555 §7.4.2), by the name of a root or intermediate
/// in or right above it. What is not offered is no reason to go without: then the CA's own choice is taken.
/// </summary>
internal sealed class ChainChoice(AcmeClient client, string preferredIssuer)
{
    /// <summary>No CA has more than three.</summary>
    private const int MostAlternates = 8;

    /// <summary>DER, leaf first, without the root.</summary>
    public async Task<IReadOnlyList<byte[]>> DownloadAsync(Uri certificate, CancellationToken ct)
    {
        var offered = await client.ChainAsync(certificate, ct);
        var chosen = PemChain.LeafFirst(offered.Pem);
        if (preferredIssuer.Length == 0 || IsPreferred(chosen))
        {
            return chosen;
        }

        foreach (var alternate in offered.Alternates.Take(MostAlternates))
        {
            if (await AlternateAsync(alternate, ct) is { } other && IsPreferred(other))
            {
                return other;
            }
        }

        return chosen;
    }

    /// <returns>Null when it is not to be had, or is none.</returns>
    private async Task<IReadOnlyList<byte[]>?> AlternateAsync(Uri alternate, CancellationToken ct)
    {
        try
        {
            return PemChain.LeafFirst((await client.ChainAsync(alternate, ct)).Pem);
        }
        catch (Exception fault) when (fault is CertificateAuthorityException or CryptographicException)
        {
            return null;
        }
    }

    private bool IsPreferred(IReadOnlyList<byte[]> chain) => chain.Any(der =>
    {
        using var certificate = X509CertificateLoader.LoadCertificate(der);
        return certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: true) == preferredIssuer;
    });
}
