using ControlPlane.Domains.Hostnames;

namespace ControlPlane.Tests.Domains.Hostnames;

public sealed class HostnameRulesTests
{
    private const string OurTarget = "edge.controlplane.co.uk";

    [Theory]
    [InlineData("shop.example.com")]
    [InlineData("example.com")]
    [InlineData("xn--bcher-kva.example.com")]
    [InlineData("1.2.3.4.example.com")]
    [InlineData("a.b.c.d.e.f.example.co.uk")]
    [InlineData("www.ck")]
    [InlineData("notcontrolplane.co.uk")]
    [InlineData("shop.sample.test")]
    public void A_name_of_ones_own_is_taken(string name) =>
        Assert.Null(HostnameRules.Refuse(name, OurTarget)?.Kind.Code);

    [Theory]
    [InlineData(null, "hostname-missing", null)]
    [InlineData("", "hostname-missing", null)]
    [InlineData("shop.example.com\n", "hostname-whitespace", null)]
    [InlineData("shop.example.com\nevil.example.com", "hostname-whitespace", null)]
    [InlineData(" shop.example.com", "hostname-whitespace", null)]
    [InlineData("shop.exam\u200Bple.com", "hostname-whitespace", null)]
    [InlineData("shop\0.example.com", "hostname-whitespace", null)]
    [InlineData("Shop.Example.COM", "hostname-upper-case", "Send shop.example.com")]
    [InlineData("shop.example.com.", "hostname-trailing-dot", "Send shop.example.com")]
    [InlineData("bücher.example.com", "hostname-not-ascii", "Send xn--bcher-kva.example.com")]
    [InlineData("пример.example.com", "hostname-not-ascii", "Send xn--e1afmkfd.example.com")]
    [InlineData("straße.example.com", "hostname-not-ascii", null)]
    [InlineData("Bücher.example.com", "hostname-not-ascii", null)]
    [InlineData("bu\u0308cher.example.com", "hostname-not-ascii", null)]
    [InlineData("pаypal.example.com", "hostname-not-ascii", null)]
    [InlineData("https://shop.example.com/cart", "hostname-url", "Send shop.example.com")]
    [InlineData("shop.example.com/cart", "hostname-url", null)]
    [InlineData("me@example.com", "hostname-url", null)]
    [InlineData("shop.example.com:443", "hostname-port", "Send shop.example.com")]
    [InlineData("*.example.com", "hostname-wildcard", null)]
    [InlineData("192.0.2.7", "hostname-address", null)]
    [InlineData("2001:db8::1", "hostname-address", null)]
    [InlineData("[2001:db8::1]", "hostname-address", null)]
    [InlineData("localhost", "hostname-single-label", null)]
    [InlineData("my_shop.example.com", "hostname-underscore", null)]
    [InlineData(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com",
        "hostname-label-too-long", null)]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbb.example.com", "hostname-too-long", null)]
    [InlineData("shop..example.com", "hostname-malformed", null)]
    [InlineData("-shop.example.com", "hostname-malformed", null)]
    [InlineData("shop;quit.example.com", "hostname-malformed", null)]
    [InlineData("shop.example.123", "hostname-malformed", null)]
    [InlineData("co.uk", "hostname-public-suffix", null)]
    [InlineData("github.io", "hostname-public-suffix", null)]
    [InlineData("anything.ck", "hostname-public-suffix", null)]
    [InlineData("xn--p1ai.", "hostname-malformed", null)]
    [InlineData("edge.controlplane.co.uk", "hostname-ours", null)]
    [InlineData("controlplane.co.uk", "hostname-ours", null)]
    [InlineData("other.controlplane.co.uk", "hostname-ours", null)]
    public void Each_fault_has_its_own_problem(string? name, string code, string? fix)
    {
        var problem = HostnameRules.Refuse(name, OurTarget);
        Assert.Equal(code, problem?.Kind.Code);
        Assert.Equal(fix ?? problem!.Kind.Fix, problem!.Fix[0]);
    }

    [Theory]
    [InlineData("example.com", true)]
    [InlineData("shop.example.com", false)]
    [InlineData("example.co.uk", true)]
    [InlineData("www.ck", true)]
    [InlineData("shop.anything.ck", true)]
    [InlineData("name.unknown-ending", true)]
    [InlineData("city.kawasaki.jp", true)]
    [InlineData("a.b.kawasaki.jp", true)]
    [InlineData("b.kawasaki.jp", false)]
    public void An_apex_is_the_first_name_below_its_suffix(string name, bool apex) =>
        Assert.Equal(apex, PublicSuffixes.IsApex(name));

    [Fact]
    public void The_list_is_dated_and_carries_its_licence()
    {
        using var stream = typeof(PublicSuffixes).Assembly.GetManifestResourceStream("public_suffixes.txt")!;
        using var reader = new StreamReader(stream);
        var text = reader.ReadToEnd();
        Assert.StartsWith("// Public Suffix List, as of 20", text, StringComparison.Ordinal);
        Assert.Contains("Mozilla Public", text, StringComparison.Ordinal);
    }
}
