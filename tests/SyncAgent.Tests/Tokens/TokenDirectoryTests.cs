using SyncAgent.HAProxy;
using SyncAgent.Tokens;

namespace SyncAgent.Tests.Tokens;

public sealed class TokenDirectoryTests : IDisposable
{
    private static readonly ServedName Shop = ServedName.TryParse("shop.example.com")!;

    private readonly string _root = Directory.CreateTempSubdirectory("tok-").FullName;
    private readonly string _shop;
    private readonly TokenDirectory _tokens;

    public TokenDirectoryTests()
    {
        _shop = Directory.CreateDirectory(Path.Combine(_root, Shop.Value)).FullName;
        _tokens = new TokenDirectory(_root, TimeProvider.System);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void The_highest_order_that_lives_is_served()
    {
        File.WriteAllText(Path.Combine(_shop, "9"), "nine\n");
        File.WriteAllText(Path.Combine(_shop, "10"), "ten\nexpires=2999-01-01T00:00:00Z\n");
        File.WriteAllText(Path.Combine(_shop, "11"), "eleven\nexpires=2001-01-01T00:00:00Z\n");
        File.WriteAllText(Path.Combine(_shop, "12.tmp"), "twelve\n");
        File.WriteAllText(Path.Combine(_shop, "13"), "");

        Assert.Equal("ten", _tokens.FindFileAuth(Shop)?.Value);
    }

    [Fact]
    public void Links_are_not_followed()
    {
        var secret = Path.Combine(_root, "secret");
        File.WriteAllText(secret, "secret");
        File.CreateSymbolicLink(Path.Combine(_shop, "1"), secret);
        Directory.CreateSymbolicLink(Path.Combine(_root, "link.example.com"), _shop);
        File.WriteAllText(Path.Combine(_shop, "0"), "zero");

        Assert.Equal("zero", _tokens.FindFileAuth(Shop)?.Value);
        Assert.Null(_tokens.FindFileAuth(ServedName.TryParse("link.example.com")!));
    }

    [Fact]
    public void An_acme_token_answers_its_own_name_only()
    {
        File.WriteAllText(Path.Combine(_shop, "3.acme"), "abc abc.thumbprint\n");

        Assert.Equal("abc.thumbprint", _tokens.FindAcme(Shop, "abc")?.Value);
        Assert.Equal(new FoundToken(3, null), _tokens.FindAcme(Shop, "abd"));
        Assert.Null(_tokens.FindFileAuth(Shop));
    }

    [Fact]
    public void A_name_without_a_directory_has_no_token()
    {
        Assert.Null(_tokens.FindFileAuth(ServedName.TryParse("nobody.example.com")!));
    }

    [Theory]
    [InlineData("../shop.example.com")]
    [InlineData("shop.example.com/..")]
    [InlineData("shop.example.com\n")]
    [InlineData("shop.example.com;del ssl cert x")]
    [InlineData("SHOP.example.com")]
    [InlineData(".shop.example.com")]
    [InlineData("127.0.0.1")]
    [InlineData("")]
    public void What_is_not_a_hostname_becomes_neither_a_path_nor_a_command(string text)
    {
        Assert.Null(ServedName.TryParse(text));
    }
}
