using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.Tests.Domains;

/// <summary>A test root, an intermediate, and leaves as a test asks for them. Nothing outside the test trusts
/// it.</summary>
internal sealed class TestPki : IDisposable
{
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly DateTimeOffset _now;
    private readonly X509Certificate2 _root;
    private readonly X509Certificate2 _intermediate;

    public TestPki(DateTimeOffset now)
    {
        _now = now;
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _root = Authority("CN=Test Root (not for trust)", rootKey)
            .CreateSelfSigned(now.AddYears(-1), now.AddYears(9));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var signed = Authority("CN=Test Intermediate (not for trust)", key)
            .Create(_root, now.AddYears(-1), now.AddYears(4), RandomNumberGenerator.GetBytes(16));
        _intermediate = signed.CopyWithPrivateKey(key);
    }

    public byte[] Intermediate => _intermediate.RawData;

    public X509Certificate2Collection Anchors => [X509CertificateLoader.LoadCertificate(_root.RawData)];

    /// <summary>Leaf and intermediate for a CSR, as a CA would hand them out.</summary>
    public byte[][] Issue(byte[] csr, string name) => [Leaf(csr, [name]), Intermediate];

    /// <param name="csr">Whose key is certified.</param>
    /// <param name="names">The SANs.</param>
    /// <param name="from">Start, from now.</param>
    /// <param name="days">Validity.</param>
    /// <param name="serialBytes">Length of the serial.</param>
    /// <param name="usage">The extended key usage; null for none.</param>
    public byte[] Leaf(
        byte[] csr, string[] names, TimeSpan? from = null, int days = 199, int serialBytes = 16,
        string? usage = ServerAuthentication)
    {
        var asked = CertificateRequest.LoadSigningRequest(csr, HashAlgorithmName.SHA256);
        var request = new CertificateRequest(
            new X500DistinguishedName($"CN={names.FirstOrDefault("nobody")}"), asked.PublicKey,
            HashAlgorithmName.SHA256);
        if (names.Length > 0)
        {
            var sans = new SubjectAlternativeNameBuilder();
            Array.ForEach(names, sans.AddDnsName);
            request.CertificateExtensions.Add(sans.Build());
        }

        if (usage is not null)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        }

        var serial = RandomNumberGenerator.GetBytes(serialBytes);
        serial[0] = (byte)((serial[0] & 0x7f) | 0x40);
        var start = _now + (from ?? TimeSpan.FromHours(-1));
        using var leaf = request.Create(
            _intermediate.SubjectName, X509SignatureGenerator.CreateForECDsa(_intermediate.GetECDsaPrivateKey()!),
            start, start.AddDays(days), serial);
        return leaf.RawData;
    }

    public void Dispose()
    {
        _root.Dispose();
        _intermediate.Dispose();
    }

    private static CertificateRequest Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        return request;
    }
}
