using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Tests.CertificateAuthorities.CertCentral;

public sealed class CertCentralDownloadTests : IDisposable
{
    private readonly X509Certificate2 _root = Make("Test Root", null, authority: true);
    private readonly X509Certificate2 _first;
    private readonly X509Certificate2 _second;
    private readonly X509Certificate2 _leaf;

    public CertCentralDownloadTests()
    {
        _first = Make("Test Intermediate 1", _root, authority: true);
        _second = Make("Test Intermediate 2", _first, authority: true);
        _leaf = Make("shop.test", _second, authority: false);
    }

    [Theory]
    [InlineData("leaf second first")]
    [InlineData("first second leaf")]
    [InlineData("root leaf second first")]
    [InlineData("leaf second first root leaf-less-comment")]
    public async Task Blocks_in_any_order_become_leaf_first_without_the_root(string blocks)
    {
        await using var bench = await CertCentralBench.StartAsync(
            ScriptedCa.Text(200, "application/x-pem-file", string.Concat(blocks.Split(' ').Select(Block))));

        var chain = await bench.Authority.DownloadAsync("83", CancellationToken.None);

        Assert.Equal([_leaf.RawData, _second.RawData, _first.RawData], chain);
    }

    [Fact]
    public async Task Two_blocks_are_enough()
    {
        using var leaf = Make("one.test", _first, authority: false);
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Text(
            200, "application/x-pem-file", leaf.ExportCertificatePem() + "\r\n" + _first.ExportCertificatePem()));

        Assert.Equal(2, (await bench.Authority.DownloadAsync("83", CancellationToken.None)).Count);
    }

    [Theory]
    [InlineData(200, "", "")]
    [InlineData(200, "<html>Sorry</html>", "")]
    [InlineData(200, "", "first root")]
    [InlineData(200, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "")]
    [InlineData(404, """{ "errors": [ { "code": "not_found", "message": "m" } ] }""", "")]
    public async Task What_is_no_certificate_yet_is_fetched_again_and_never_refused(
        int status, string text, string blocks)
    {
        var body = text + string.Concat(blocks.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Block));
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Text(status, "text/plain", body));

        var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(
            () => bench.Authority.DownloadAsync("83", CancellationToken.None));

        Assert.Equal(CaFailure.NotDone, thrown.Failure);
    }

    public void Dispose()
    {
        foreach (var certificate in (X509Certificate2[])[_root, _first, _second, _leaf])
        {
            certificate.Dispose();
        }
    }

    private string Block(string name) => name switch
    {
        "root" => _root.ExportCertificatePem() + "\r\n",
        "first" => _first.ExportCertificatePem() + "\r\n",
        "second" => _second.ExportCertificatePem() + "\r\n",
        "leaf" => _leaf.ExportCertificatePem() + "\r\n",
        _ => "subject=/CN=a comment between blocks\r\n",
    };

    private static X509Certificate2 Make(string name, X509Certificate2? issuer, bool authority)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(authority, false, 0, true));
        var (from, till) = (DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        return issuer is null
            ? request.CreateSelfSigned(from, till)
            : request.Create(issuer, from, till, RandomNumberGenerator.GetBytes(8)).CopyWithPrivateKey(key);
    }
}
