using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Tests.Domains;

namespace ControlPlane.Tests.CertificateAuthorities;

public sealed class ChainVerifierTests : IDisposable
{
    private const string Name = "shop.example.com";
    private readonly FakeClock _clock = new();
    private readonly TestPki _pki;
    private readonly Order _order;

    public ChainVerifierTests()
    {
        _pki = new TestPki(_clock.GetUtcNow());
        _order = OrderFor(KeyAlgorithm.EcdsaP256);
    }

    [Theory]
    [InlineData(nameof(KeyAlgorithm.EcdsaP256))]
    [InlineData(nameof(KeyAlgorithm.Rsa2048))]
    public void A_certificate_as_ordered_has_no_fault(string algorithm)
    {
        var order = OrderFor(Enum.Parse<KeyAlgorithm>(algorithm));

        Assert.Null(Verifier().FaultOf(order, _pki.Issue(order.Csr!, Name)));
        Assert.Null(Verifier().FaultOf(order, _pki.Issue(order.Csr!, "SHOP.example.com")));
    }

    [Theory]
    [InlineData("another name", "It is for other.example.com")]
    [InlineData("two names", "not for shop.example.com alone")]
    [InlineData("no name", "It is for ")]
    [InlineData("a wildcard", "It is for *.example.com")]
    [InlineData("not yet valid", "It is valid only from")]
    [InlineData("expired", "It has expired")]
    [InlineData("too long", "longer than any CA may")]
    [InlineData("a short serial", "is no CA's")]
    [InlineData("for clients", "does not allow server authentication")]
    [InlineData("for no use", "does not allow server authentication")]
    [InlineData("another key", "another key")]
    [InlineData("no intermediate", "chain does not build: PartialChain")]
    [InlineData("the wrong intermediate", "chain does not build")]
    [InlineData("the intermediate first", "another key")]
    [InlineData("altered", "chain does not build")]
    [InlineData("nothing", "It is empty")]
    [InlineData("no certificate", "It is not a certificate")]
    [InlineData("a leaf in PEM", "It is not a certificate")]
    [InlineData("an intermediate in PEM", "It is not a certificate")]
    [InlineData("more than the leaf", "It is not a certificate")]
    public void What_is_not_as_ordered_is_named(string wrong, string fault)
    {
        using var stranger = OrderKey.Make(Name, KeyAlgorithm.EcdsaP256);
        using var other = new TestPki(_clock.GetUtcNow());
        var csr = _order.Csr!;
        byte[][] chain = wrong switch
        {
            "another name" => _pki.Issue(csr, "other.example.com"),
            "two names" => [_pki.Leaf(csr, [Name, "other.example.com"]), _pki.Intermediate],
            "no name" => [_pki.Leaf(csr, []), _pki.Intermediate],
            "a wildcard" => _pki.Issue(csr, "*.example.com"),
            "not yet valid" => [_pki.Leaf(csr, [Name], TimeSpan.FromMinutes(11)), _pki.Intermediate],
            "expired" => [_pki.Leaf(csr, [Name], TimeSpan.FromDays(-90), days: 90), _pki.Intermediate],
            "too long" => [_pki.Leaf(csr, [Name], days: 201), _pki.Intermediate],
            "a short serial" => [_pki.Leaf(csr, [Name], serialBytes: 6), _pki.Intermediate],
            "for clients" => [_pki.Leaf(csr, [Name], usage: TestPki.ClientAuthentication), _pki.Intermediate],
            "for no use" => [_pki.Leaf(csr, [Name], usage: null), _pki.Intermediate],
            "another key" => _pki.Issue(stranger.Csr, Name),
            "no intermediate" => [_pki.Leaf(csr, [Name])],
            "the wrong intermediate" => [_pki.Leaf(csr, [Name]), other.Intermediate],
            "the intermediate first" => [_pki.Intermediate, _pki.Leaf(csr, [Name])],
            "altered" => [Altered(_pki.Leaf(csr, [Name])), _pki.Intermediate],
            "a leaf in PEM" => [Pem(_pki.Leaf(csr, [Name])), _pki.Intermediate],
            "an intermediate in PEM" => [_pki.Leaf(csr, [Name]), Pem(_pki.Intermediate)],
            "more than the leaf" => [[.. _pki.Leaf(csr, [Name]), 0], _pki.Intermediate],
            "no certificate" => [RandomNumberGenerator.GetBytes(300)],
            _ => [],
        };

        Assert.Contains(fault, Verifier().FaultOf(_order, chain));
    }

    [Fact]
    public void A_chain_to_a_root_we_do_not_trust_does_not_build()
    {
        using var homemade = new TestPki(_clock.GetUtcNow());

        Assert.Contains("chain does not build", Verifier().FaultOf(_order, homemade.Issue(_order.Csr!, Name)));
        Assert.Contains(
            "chain does not build", Verifier(null).FaultOf(_order, _pki.Issue(_order.Csr!, Name)));
    }

    [Fact]
    public void A_chain_ends_at_the_roots_of_the_orders_own_ca_and_an_adopted_one_at_those_of_any()
    {
        using var other = new TestPki(_clock.GetUtcNow());
        var chain = other.Issue(_order.Csr!, Name);
        var verifier = new ChainVerifier(_clock, new Dictionary<string, X509Certificate2Collection?>
        {
            [_order.Ca] = _pki.Anchors,
            ["other"] = other.Anchors,
        });

        Assert.Contains("chain does not build", verifier.FaultOf(_order, chain));
        Assert.Null(verifier.AdoptionFault(Name, chain));
    }

    [Fact]
    public void The_same_certificate_is_judged_by_the_date()
    {
        var chain = _pki.Issue(_order.Csr!, Name);
        Assert.Null(Verifier().FaultOf(_order, chain));

        _clock.Advance(TimeSpan.FromDays(200));

        Assert.Contains("It has expired", Verifier().FaultOf(_order, chain));
    }

    public void Dispose() => _pki.Dispose();

    private ChainVerifier Verifier() => Verifier(_pki.Anchors);

    private ChainVerifier Verifier(X509Certificate2Collection? anchors) => new(
        _clock, new Dictionary<string, X509Certificate2Collection?> { [_order.Ca] = anchors });

    private static byte[] Pem(byte[] der) => Encoding.ASCII.GetBytes(PemEncoding.WriteString("CERTIFICATE", der));

    /// <summary>The last bytes belong to the signature.</summary>
    private static byte[] Altered(byte[] leaf)
    {
        leaf[^5] ^= 1;
        return leaf;
    }

    private Order OrderFor(KeyAlgorithm algorithm)
    {
        using var key = OrderKey.Make(Name, algorithm);
        return new Order
        {
            Id = Guid.NewGuid(),
            DomainId = Guid.NewGuid(),
            Hostname = Name,
            Kind = OrderKind.New,
            CreatedAt = _clock.GetUtcNow(),
            Csr = key.Csr,
            Ca = "ca",
        };
    }
}
