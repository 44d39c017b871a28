using System.Text.Json;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Vault;

namespace ControlPlane.Tests.Vault;

public sealed class LocalKeyFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cp-kek-").FullName;

    private string PathOf(string name) => Path.Combine(_folder, name);

    [Fact]
    public async Task A_wrap_opens_under_its_key_alone_and_under_its_id_alone()
    {
        LocalKeyFile.Create(PathOf("a"));
        LocalKeyFile.Create(PathOf("b"));
        var (a, b) = (LocalKeyFile.Load(PathOf("a")), LocalKeyFile.Load(PathOf("b")));
        var dataKey = Enumerable.Range(0, 32).Select(n => (byte)n).ToArray();

        var wrapped = await a.WrapAsync(dataKey, default);

        Assert.NotEqual(a.Id, b.Id);
        Assert.Equal(dataKey, await a.UnwrapAsync(a.Id, wrapped, default));
        Assert.Contains(a.Id, (await Assert.ThrowsAsync<VaultException>(
            () => b.UnwrapAsync(a.Id, wrapped, default))).Message);
        await Assert.ThrowsAsync<VaultException>(() => b.UnwrapAsync(b.Id, wrapped, default));
        await Assert.ThrowsAsync<VaultException>(() => a.UnwrapAsync(b.Id, wrapped, default));
    }

    [Fact]
    public void A_missing_file_is_answered_with_the_command_that_makes_one()
    {
        var refusal = Assert.Throws<VaultException>(() => LocalKeyFile.Load(PathOf("none")));

        Assert.Contains($"vault create-key --out {PathOf("none")}", refusal.Message);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void A_file_that_others_may_use_is_refused(UnixFileMode others)
    {
        LocalKeyFile.Create(PathOf("a"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(PathOf("a")));
        File.SetUnixFileMode(PathOf("a"), UnixFileMode.UserRead | UnixFileMode.UserWrite | others);

        Assert.Contains("chmod 600", Assert.Throws<VaultException>(() => LocalKeyFile.Load(PathOf("a"))).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not base64!")]
    [InlineData("c2hvcnQ=")]
    [InlineData("bG9uZ2VyIHRoYW4gdGhpcnR5LXR3byBieXRlcywgYnkgYSBnb29kIGRlYWw=")]
    public void A_file_that_holds_no_key_is_refused(string content)
    {
        LocalKeyFile.Create(PathOf("a"));
        File.WriteAllText(PathOf("a"), content);

        Assert.Contains("32 bytes", Assert.Throws<VaultException>(() => LocalKeyFile.Load(PathOf("a"))).Message);
    }

    [Fact]
    public void A_key_file_is_never_overwritten()
    {
        LocalKeyFile.Create(PathOf("a"));
        var before = File.ReadAllText(PathOf("a"));

        Assert.Throws<VaultException>(() => LocalKeyFile.Create(PathOf("a")));
        Assert.Equal(before, File.ReadAllText(PathOf("a")));
    }

    [Fact]
    public void A_private_key_prints_nothing_and_is_gone_when_disposed()
    {
        var made = OrderKey.Make("shop.example.com", KeyAlgorithm.EcdsaP256);
        var printed = Convert.ToBase64String(made.Key.Pkcs8[..24]);
        var texts = new[]
        {
            $"{made.Key}", $"{made}",
            Record.Exception(() => JsonSerializer.Serialize(made.Key))?.ToString()
                ?? JsonSerializer.Serialize(made.Key),
        };

        Assert.All(texts, text => Assert.DoesNotContain(printed, text));
        Assert.Equal("(private key)", texts[0]);
        made.Dispose();
        Assert.True(made.Key.Pkcs8.IndexOfAnyExcept((byte)0) < 0);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
