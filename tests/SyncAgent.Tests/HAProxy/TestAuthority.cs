using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using SyncAgent.HAProxy;

namespace SyncAgent.Tests.HAProxy;

/// <summary>A root of the tests' own, and leaves below it. Nothing here is a real authority.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _root;

    public TestAuthority(string name = "Test Root")
    {
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _root = request.CreateSelfSigned(Today.AddDays(-30), Today.AddDays(3650));
    }

    // Certificates carry wall-clock dates because HAProxy and SslStream judge them by the wall clock.
    public static DateTimeOffset Today => TimeProvider.System.GetUtcNow();

    public byte[] RootDer => _root.RawData;

    public string RootPem => _root.ExportCertificatePem() + "\n";

    public TestBundle Issue(
        string hostname, int days = 30, int paddingBytes = 0, int backdatedHours = 1, string? also = null)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={hostname}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(hostname);
        if (also is not null)
        {
            names.AddDnsName(also);
        }

        request.CertificateExtensions.Add(names.Build());
        if (paddingBytes > 0)
        {
            request.CertificateExtensions.Add(
                new X509Extension(
                    "1.3.6.1.4.1.55555.1", RandomNumberGenerator.GetBytes(paddingBytes), critical: false));
        }

        var leaf = request.Create(
            _root, Today.AddHours(-backdatedHours), Today.AddDays(days), RandomNumberGenerator.GetBytes(12));
        return new TestBundle(hostname, leaf, RootDer, key.ExportPkcs8PrivateKey());
    }

    /// <summary>An RSA key far too short for OpenSSL's default security level: the agent can parse the bundle, and
    /// HAProxy refuses it.</summary>
    public TestBundle IssueTooWeak(string hostname)
    {
        using var key = RSA.Create(512);
        var leaf = IssueFor(hostname, key);
        return new TestBundle(hostname, leaf, RootDer, key.ExportPkcs8PrivateKey());
    }

    public X509Certificate2 IssueFor(string hostname, RSA key, string? also = null)
    {
        var request = new CertificateRequest(
            $"CN={hostname}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(hostname);
        if (also is not null)
        {
            names.AddDnsName(also);
        }

        request.CertificateExtensions.Add(names.Build());
        return request.Create(
            _root.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), Today.AddHours(-1), Today.AddDays(30),
            RandomNumberGenerator.GetBytes(12));
    }

    public void Dispose()
    {
        _key.Dispose();
        _root.Dispose();
    }
}

internal sealed record TestBundle(string Hostname, X509Certificate2 Leaf, byte[] IssuerDer, byte[] Pkcs8)
{
    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(Leaf.RawData));

    public string MemoryFingerprint => Leaf.Thumbprint;

    public string CertificatePem => Leaf.ExportCertificatePem() + "\n";

    public string KeyPem => new string(PemEncoding.Write("PRIVATE KEY", Pkcs8)) + "\n";

    public string Pem => CertificatePem + KeyPem;

    public PemPayload ToPayload(int copiesOfIssuer = 1)
    {
        var chain = Enumerable.Repeat(new ReadOnlyMemory<byte>(IssuerDer), copiesOfIssuer).ToArray();
        return PemPayload.FromDer(Leaf.RawData, chain, Pkcs8);
    }
}
