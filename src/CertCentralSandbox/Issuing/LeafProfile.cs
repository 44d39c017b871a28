using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Issuing;

/// <summary>
/// The DV leaf of the TLS Baseline Requirements (7.1.2.7, v2.2.6): CN that repeats a SAN; AIA, AKI, policy
/// 2.23.140.1.2.1, serverAuth only, SAN, CRL distribution point (there is no OCSP), critical keyUsage and
/// basicConstraints; no subject key identifier. Validity starts at the signing day's midnight and lasts 199 days at
/// most (DigiCert since 2026-02-24).
/// </summary>
internal sealed class LeafProfile(Authority authority, SandboxAddress address)
{
    public const int MaxDays = 199;

    public static X509EnhancedKeyUsageExtension ServerAuth() => new([new Oid("1.3.6.1.5.5.7.3.1")], critical: false);

    /// <summary>128 random bits, the first one clear: positive, and under 2^159.</summary>
    public static byte[] NewSerial()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7f) | 0x40); // not zero either, so that the DER length never varies
        return serial;
    }

    /// <summary>Signs <paramref name="publicKey"/> for the names of <paramref name="asked"/>.</summary>
    /// <param name="asked">What was ordered.</param>
    /// <param name="publicKey">Normally the CSR's; another one for the wrong-PEM fault.</param>
    /// <param name="wallNow">Moment of signing.</param>
    /// <param name="latest">Day the order ends; no certificate outlives it.</param>
    public X509Certificate2 Sign(
        OrderedCertificate asked, PublicKey publicKey, DateTimeOffset wallNow, DateTimeOffset latest)
    {
        var hash = asked.SignatureHash switch
        {
            "sha384" => HashAlgorithmName.SHA384,
            "sha512" => HashAlgorithmName.SHA512,
            _ => HashAlgorithmName.SHA256,
        };
        var subject = new X500DistinguishedNameBuilder();
        subject.AddCommonName(asked.CommonName);
        var ask = new CertificateRequest(subject.Build(), publicKey, hash);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var name in asked.DnsNames)
        {
            names.AddDnsName(name);
        }

        var usage = publicKey.Oid.Value == Certification.RsaOid
            ? X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment
            : X509KeyUsageFlags.DigitalSignature;
        ask.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
            authority.Intermediate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        ask.CertificateExtensions.Add(names.Build());
        ask.CertificateExtensions.Add(new X509KeyUsageExtension(usage, critical: true));
        ask.CertificateExtensions.Add(ServerAuth());
        ask.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        ask.CertificateExtensions.Add(CertificatePolicies.DomainValidated(address.FrontPage));
        ask.CertificateExtensions.Add(
            new X509AuthorityInformationAccessExtension([], [address.Intermediate], critical: false));
        ask.CertificateExtensions.Add(
            CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([address.RevocationList]));

        var from = new DateTimeOffset(wallNow.UtcDateTime.Date, TimeSpan.Zero);
        var days = int.Min(asked.Days ?? MaxDays, MaxDays);
        var till = from.AddDays(days).AddSeconds(-1); // the last second counts: one more would be a day more
        till = latest > from && latest < till ? latest : till;
        return ask.Create(authority.Intermediate.SubjectName, authority.Signer, from, till, NewSerial());
    }
}
