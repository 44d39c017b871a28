using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LocalFleet.StandIns;

namespace Benchmarks.Bed;

/// <summary>A leaf and the key that fits it.</summary>
/// <param name="Hostname">The one name in it.</param>
/// <param name="Leaf">DER.</param>
/// <param name="Pkcs8">The private key; a throw-away one.</param>
/// <param name="Serial">As the certificate prints it.</param>
/// <param name="PublicKeyHash">SHA-256 of the SubjectPublicKeyInfo.</param>
internal sealed record IssuedLeaf(string Hostname, byte[] Leaf, byte[] Pkcs8, string Serial, byte[] PublicKeyHash);

/// <summary>A throw-away CA, a <b>stand-in</b> for the real one: root, intermediate, and P-256 leaves made in this
/// process. Nobody else trusts it.</summary>
internal sealed class BenchAuthority : IDisposable
{
    private readonly X509Certificate2 _root;
    private readonly X509Certificate2 _intermediate;

    public BenchAuthority(TimeProvider time)
    {
        // An hour back: a clock that is corrected while we run must not make it "not yet valid".
        NotBefore = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds()) - TimeSpan.FromHours(1);
        NotAfter = NotBefore + TimeSpan.FromDays(199);
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _root = Request("CN=Benchmarks throw-away root", rootKey).CreateSelfSigned(NotBefore, NotAfter);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var signed = Request("CN=Benchmarks throw-away intermediate", key)
            .Create(_root, NotBefore, NotAfter, RandomNumberGenerator.GetBytes(16));
        _intermediate = signed.CopyWithPrivateKey(key);
    }

    public DateTimeOffset NotBefore { get; }

    public DateTimeOffset NotAfter { get; }

    public string RootPem => _root.ExportCertificatePem() + "\n";

    /// <summary>The chain that every leaf is served with, DER.</summary>
    public byte[] Intermediate => _intermediate.RawData;

    /// <summary>A new leaf and key for each name.</summary>
    public IReadOnlyList<IssuedLeaf> Issue(IReadOnlyList<string> hostnames, CancellationToken stop)
    {
        var leaves = new IssuedLeaf[hostnames.Count];
        Parallel.ForEach(
            Partitioner.Create(0, hostnames.Count),
            new ParallelOptions { CancellationToken = stop },
            range =>
            {
                using var issuer = _intermediate.GetECDsaPrivateKey()!;
                var generator = X509SignatureGenerator.CreateForECDsa(issuer);
                for (var i = range.Item1; i < range.Item2; i++)
                {
                    leaves[i] = Issue(hostnames[i], generator);
                }
            });
        return leaves;
    }

    public void Dispose()
    {
        _root.Dispose();
        _intermediate.Dispose();
    }

    private IssuedLeaf Issue(string hostname, X509SignatureGenerator generator)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = ServerRequest.For(hostname, key);
        // 64 random bits and a first byte that keeps the number positive (CA/Browser Forum baseline, 7.1).
        byte[] serial = [0x40, .. RandomNumberGenerator.GetBytes(15)];
        using var leaf = request.Create(_intermediate.SubjectName, generator, NotBefore, NotAfter, serial);
        return new IssuedLeaf(
            hostname, leaf.RawData, key.ExportPkcs8PrivateKey(), leaf.SerialNumber,
            SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
    }

    private static CertificateRequest Request(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }
}
