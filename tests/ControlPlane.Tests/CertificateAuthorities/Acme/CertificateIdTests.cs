using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities.Acme;

namespace ControlPlane.Tests.CertificateAuthorities.Acme;

public sealed class CertificateIdTests
{
    /// <summary>RFC 9773 §4.1's own example.</summary>
    public const string IdOfTheRfc = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";

    [Fact]
    public void It_is_the_issuers_key_and_the_serial_as_der_has_them() =>
        Assert.Equal(IdOfTheRfc, CertificateId.Of(LeafOfTheRfc()));

    [Fact]
    public void A_certificate_that_names_no_issuers_key_has_none()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = new CertificateRequest("CN=shop.test", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddDays(1));

        Assert.Null(CertificateId.Of(leaf.RawData));
    }

    /// <summary>A certificate with that example's key identifier and serial.</summary>
    internal static byte[] LeafOfTheRfc()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=shop.test", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
            Convert.FromHexString("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")));
        using var leaf = request.Create(
            request.SubjectName, X509SignatureGenerator.CreateForECDsa(key), DateTimeOffset.UnixEpoch,
            DateTimeOffset.UnixEpoch.AddDays(1), [0x00, 0x87, 0x65, 0x43, 0x21]);
        return leaf.RawData;
    }
}
