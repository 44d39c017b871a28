using ControlPlane.Domains.Hostnames;

namespace ControlPlane.Tests.Domains.Hostnames;

/// <summary>The public suffix list; which names are taken is in <c>hostname-cases.tsv</c>.</summary>
public sealed class PublicSuffixesTests
{
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
