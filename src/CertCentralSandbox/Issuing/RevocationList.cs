using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Issuing;

/// <summary>The CRL that every leaf points to: built at each request, valid for one day.</summary>
internal sealed class RevocationList(Authority authority, OrderBook book, TimeProvider wall)
{
    public byte[] Build()
    {
        var now = wall.GetUtcNow();
        var list = new CertificateRevocationListBuilder();
        foreach (var certificate in book.All.SelectMany(o => o.Certificates))
        {
            if (certificate is { Issued: { } issued, DateRevoked: { } revoked })
            {
                var serial = Convert.FromHexString(issued.SerialNumber);
                list.AddEntry(serial, revoked, Reason(certificate.RevocationReason));
            }
        }

        var authorityKey = X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
            authority.Intermediate, includeKeyIdentifier: true, includeIssuerAndSerial: false);
        var number = BigInteger.Parse(
            now.UtcDateTime.ToString("yyyyMMddHHmmssfff", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return list.Build(
            authority.Intermediate.SubjectName, authority.Signer, number, now.AddDays(1), HashAlgorithmName.SHA256,
            authorityKey, now.AddMinutes(-1));
    }

    /// <summary>"unspecified" is left out of the list, as RFC 5280 5.3.1 advises.</summary>
    private static X509RevocationReason? Reason(string? reason) => reason switch
    {
        "keyCompromise" => X509RevocationReason.KeyCompromise,
        "affiliationChanged" => X509RevocationReason.AffiliationChanged,
        "superseded" => X509RevocationReason.Superseded,
        "cessationOfOperation" => X509RevocationReason.CessationOfOperation,
        _ => null,
    };
}
