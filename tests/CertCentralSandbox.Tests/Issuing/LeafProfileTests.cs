using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CertCentralSandbox.Tests.Harness;

namespace CertCentralSandbox.Tests.Issuing;

public sealed class LeafProfileTests
{
    [Theory]
    [InlineData(false, X509KeyUsageFlags.DigitalSignature)]
    [InlineData(true, X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment)]
    public async Task A_leaf_has_the_DV_profile_of_the_baseline_requirements(bool rsa, X509KeyUsageFlags usage)
    {
        await using var sandbox = await Sandbox.StartAsync();
        using AsymmetricAlgorithm key = rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var placed = await sandbox.PostAsync(
            "order/certificate/ssl_dv_geotrust",
            Buying.Ask("profile.customer.test", "www.profile.customer.test").WithCertificate("csr", Buying.Csr(key)));
        sandbox.Prove(placed.String("dcv_random_value")!, "profile.customer.test", "www.profile.customer.test");
        await sandbox.PutAsync($"order/certificate/{placed["id"]}/check-dcv");

        var chain = await sandbox.DownloadAsync(placed["certificate_id"].GetInt64());
        var leaf = chain[0];

        Assert.Equal(3, leaf.Version);
        Assert.Equal("CN=profile.customer.test", leaf.Subject);
        Assert.Equal(chain[1].SubjectName.RawData, leaf.IssuerName.RawData);
        Assert.InRange(leaf.SerialNumberBytes.Length, 16, 20);
        Assert.True(leaf.SerialNumberBytes.Span[0] < 0x80);
        var valid = leaf.NotAfter - leaf.NotBefore + TimeSpan.FromSeconds(1);
        Assert.Equal(TimeSpan.FromDays(199), valid);
        var extensions = leaf.Extensions.ToDictionary(e => e.Oid!.Value!);
        Assert.Equal(usage, ((X509KeyUsageExtension)extensions["2.5.29.15"]).KeyUsages);
        Assert.True(extensions["2.5.29.15"].Critical);
        Assert.Equal(
            ["profile.customer.test", "www.profile.customer.test"],
            ((X509SubjectAlternativeNameExtension)extensions["2.5.29.17"]).EnumerateDnsNames());
        Assert.False(((X509BasicConstraintsExtension)extensions["2.5.29.19"]).CertificateAuthority);
        var eku = ((X509EnhancedKeyUsageExtension)extensions["2.5.29.37"]).EnhancedKeyUsages.Cast<Oid>();
        Assert.Equal("1.3.6.1.5.5.7.3.1", Assert.Single(eku).Value);
        var policies = Convert.ToHexString(extensions["2.5.29.32"].RawData);
        Assert.Contains("060667810C010201", policies, StringComparison.Ordinal); // 2.23.140.1.2.1
        Assert.Contains("2.5.29.35", extensions.Keys); // authority key identifier
        Assert.Contains("2.5.29.31", extensions.Keys); // CRL distribution point
        Assert.Contains("1.3.6.1.5.5.7.1.1", extensions.Keys); // authority information access
        Assert.DoesNotContain("2.5.29.14", extensions.Keys); // subject key identifier: discouraged
    }

    [Theory]
    [InlineData(30, 30)]
    [InlineData(365, 199)]
    public async Task A_validity_that_was_asked_for_is_given_up_to_199_days(int asked, int given)
    {
        await using var sandbox = await Sandbox.StartAsync();
        var placed = await sandbox.PostAsync(
            "order/certificate/ssl_dv_geotrust",
            Buying.Ask("days.customer.test").WithCertificate("cert_validity", new { days = asked }));
        sandbox.Prove(placed.String("dcv_random_value")!, "days.customer.test");
        await sandbox.PutAsync($"order/certificate/{placed["id"]}/check-dcv");

        var leaf = (await sandbox.DownloadAsync(placed["certificate_id"].GetInt64()))[0];

        Assert.Equal(TimeSpan.FromDays(given), leaf.NotAfter - leaf.NotBefore + TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData("pem_all", 3)]
    [InlineData("pem_noroot", 2)]
    [InlineData("pem_nointermediate", 1)]
    [InlineData("pem", 1)]
    [InlineData("crt", 1)]
    public async Task A_PEM_download_carries_what_its_format_says(string format, int certificates)
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (_, certificateId) = await sandbox.IssueAsync("pem.customer.test");

        Assert.Equal(certificates, (await sandbox.DownloadAsync(certificateId, format)).Count);
    }

    [Fact]
    public async Task Revoked_serials_are_on_the_list_that_leaves_point_to()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (_, certificateId) = await sandbox.IssueAsync("crl.customer.test");
        var serial = (await sandbox.DownloadAsync(certificateId))[0].SerialNumberBytes;
        await sandbox.PutAsync($"certificate/{certificateId}/revoke", new { skip_approval = true, comments = "test" });

        var list = CertificateRevocationListBuilder.Load((await sandbox.GetAsync("/sandbox/revoked.crl")).Body, out _);

        Assert.True(list.RemoveEntry(serial.Span));
    }
}
