using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts;
using SyncAgent.Adopting;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Adopting;

/// <summary>What the node makes of each file of a directory, by itself.</summary>
public sealed class OldDirectoryTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("old-").FullName;
    private readonly TestAuthority _authority = new();

    [Theory]
    [InlineData("PKCS#8")]
    [InlineData("SEC1")]
    [InlineData("PKCS#1")]
    [InlineData("beside, .pem.key")]
    [InlineData("beside, .key")]
    public void A_key_of_any_form_in_the_file_or_beside_it_is_the_leafs(string form)
    {
        var bundle = _authority.Issue("shop.example.com");
        var (leaf, key) = (bundle.CertificatePem, bundle.KeyPem);
        if (form == "SEC1")
        {
            using var pair = ECDsa.Create();
            pair.ImportPkcs8PrivateKey(bundle.Pkcs8, out _);
            key = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
                + pair.ExportECPrivateKeyPem() + "\n";
        }
        else if (form == "PKCS#1")
        {
            (leaf, key) = RsaOf("shop.example.com");
        }

        var beside = form switch { "beside, .pem.key" => "a.pem.key", "beside, .key" => "a.key", _ => null };
        Write("a.pem", beside is null ? leaf + key : leaf);
        if (beside is not null)
        {
            Write(beside, key);
        }

        var file = Assert.Single(Read());
        Assert.Equal(("a.pem", "shop.example.com", (string?)null), (file.FileName, file.Hostname, file.Outcome));
        using var read = OldBundle.Read(Path.Combine(_directory, "a.pem"));
        Assert.True(read.HasKeyOfLeaf);
    }

    [Fact]
    public void Only_what_haproxy_would_load_is_read()
    {
        Write("b.crt", _authority.Issue("shop.example.com").Pem);
        foreach (var skipped in new[] { ".hidden.pem", "b.crt.ocsp", "b.crt.sctl", "b.crt.issuer", "x.key" })
        {
            Write(skipped, "of no interest");
        }

        Directory.CreateDirectory(Path.Combine(_directory, "more.pem"));
        Assert.Equal(["b.crt"], Read().Select(file => file.FileName));
    }

    [Theory]
    [InlineData("garbage", OldFileOutcomes.Unreadable)]
    [InlineData("no key", OldFileOutcomes.NoKey)]
    [InlineData("another key", OldFileOutcomes.KeyMismatch)]
    [InlineData("expired", OldFileOutcomes.Expired)]
    [InlineData("several names", OldFileOutcomes.SeveralNames)]
    [InlineData("wildcard", OldFileOutcomes.Wildcard)]
    [InlineData("wildcard and apex", OldFileOutcomes.Wildcard)]
    [InlineData("too long", OldFileOutcomes.BadName)]
    [InlineData("foreign", OldFileOutcomes.ForeignCa)]
    public void What_cannot_be_adopted_says_why(string kind, string outcome)
    {
        using var foreign = new TestAuthority("Somebody Else");
        Write("a.pem", kind switch
        {
            "garbage" => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "no key" => _authority.Issue("shop.example.com").CertificatePem,
            "another key" => _authority.Issue("shop.example.com").CertificatePem
                + _authority.Issue("shop.example.com").KeyPem,
            "expired" => _authority.Issue("shop.example.com", days: -1, backdatedHours: 72).Pem,
            "several names" => _authority.Issue("shop.example.com", also: "www.shop.example.com").Pem,
            "wildcard" => _authority.Issue("*.example.com").Pem,
            "wildcard and apex" => _authority.Issue("example.com", also: "*.example.com").Pem,
            "too long" => _authority.Issue(new string('a', 60) + ".example.com").Pem,
            _ => foreign.Issue("shop.example.com").Pem,
        });

        var file = Assert.Single(Read());

        Assert.Equal((outcome, (string?)null), (file.Outcome, file.Hostname));
        Assert.False(file.IsWell);
        Assert.NotEmpty(file.Detail!);
    }

    [Fact]
    public void Of_two_files_for_a_name_the_one_that_ends_last_is_meant()
    {
        Write("a-2025.pem", _authority.Issue("shop.example.com", days: 10).Pem);
        Write("b-2026.pem", _authority.Issue("shop.example.com", days: 90).Pem);

        var files = Read();

        Assert.Equal([OldFileOutcomes.Duplicate, null], files.Select(file => file.Outcome));
        Assert.Contains("b-2026.pem", files[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_has_a_line_for_each_file_and_rows_to_import()
    {
        Write("a.pem", _authority.Issue("shop.example.com").Pem);
        var files = Read().Select(file => file with { Outcome = AdoptionOutcomes.NotRegistered }).ToList();

        var table = AdoptionTable.Of(files).Split('\n');

        Assert.StartsWith("not-registered   a.pem  ", table[0], StringComparison.Ordinal);
        Assert.Equal("1 files: 1 not-registered.", table[1]);
        Assert.Equal(
            """{"hostname":"shop.example.com","tenant":"acme","adopt":true}""",
            Assert.Single(AdoptionTable.ImportRows(files, "acme")));
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private IReadOnlyList<OldFile> Read()
    {
        using var root = X509CertificateLoader.LoadCertificate(_authority.RootDer);
        return new OldDirectory([root], TimeProvider.System).Read(_directory);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_directory, name), text);

    /// <summary>As <c>openssl genrsa -traditional</c> writes it.</summary>
    private (string Leaf, string Key) RsaOf(string hostname)
    {
        using var key = RSA.Create(2048);
        using var leaf = _authority.IssueFor(hostname, key);
        return (leaf.ExportCertificatePem() + "\n", key.ExportRSAPrivateKeyPem() + "\n");
    }
}
