using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LocalFleet.StandIns;

/// <summary>A certificate authority for the inside: HAProxy trusts it for the application servers, and nobody else
/// does.</summary>
internal sealed class InternalAuthority : IDisposable
{
    // Made anew at every start, so that a week outlives any run.
    private static readonly TimeSpan Life = TimeSpan.FromDays(7);

    private readonly X509Certificate2 _root;
    private readonly DateTimeOffset _from;

    public InternalAuthority(TimeProvider time)
    {
        // An hour back: a clock that is corrected while we start must not make it "not yet valid".
        _from = time.GetUtcNow() - TimeSpan.FromHours(1);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=LocalFleet internal test CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForCertificateAuthority(0));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        _root = request.CreateSelfSigned(_from, _from + Life);
    }

    public string Pem => _root.ExportCertificatePem() + "\n";

    /// <summary>A server certificate with its key.</summary>
    public X509Certificate2 Issue(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = ServerRequest.For(name, key);
        using var leaf = request.Create(_root, _from, _from + Life, RandomNumberGenerator.GetBytes(16));
        return leaf.CopyWithPrivateKey(key);
    }

    public void Dispose() => _root.Dispose();
}
