using System.Buffers.Text;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>How a CA is asked about a certificate (RFC 9773 §4.1): its issuer's key identifier and its serial, each
/// base64url, with a dot between.</summary>
internal static class CertificateId
{
    /// <returns>Null when the certificate does not name its issuer's key.</returns>
    public static string? Of(byte[] leaf)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(leaf);
        var issuer = certificate.Extensions.OfType<X509AuthorityKeyIdentifierExtension>()
            .FirstOrDefault()?.KeyIdentifier;
        return issuer is { } keyId
            ? $"{Base64Url.EncodeToString(keyId.Span)}.{Base64Url.EncodeToString(DerInteger(certificate))}"
            : null;
    }

    /// <summary>The serial's contents as DER has them: a leading zero where the number would read as
    /// negative.</summary>
    private static byte[] DerInteger(X509Certificate2 certificate)
    {
        var number = certificate.SerialNumberBytes.Span.TrimStart((byte)0);
        return number.Length == 0 || number[0] >= 0x80 ? [0, .. number] : number.ToArray();
    }
}
