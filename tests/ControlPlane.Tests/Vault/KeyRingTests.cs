using System.Security.Cryptography;
using ControlPlane.Vault;
using Microsoft.Extensions.Configuration;

namespace ControlPlane.Tests.Vault;

public sealed class KeyRingTests : IDisposable
{
    private const string Arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    private readonly string _folder = Directory.CreateTempSubdirectory("cp-ring-").FullName;

    [Fact]
    public async Task The_first_key_wraps_and_all_unwrap()
    {
        var (old, next) = (RotatingKey.NewFile(_folder), RotatingKey.NewFile(_folder));
        var dataKey = RandomNumberGenerator.GetBytes(32);
        var underOld = await new KeyRing(old).WrapAsync(dataKey, default);
        using var both = new KeyRing(next, old);

        var underNew = await both.WrapAsync(dataKey, default);

        Assert.Equal(next.Id, both.Id);
        Assert.Equal(dataKey, await both.UnwrapAsync(old.Id, underOld, default));
        Assert.Equal(dataKey, await both.UnwrapAsync(next.Id, underNew, default));
        await Assert.ThrowsAsync<VaultException>(() => both.UnwrapAsync(old.Id, underNew, default));
    }

    [Fact]
    public async Task A_key_that_was_taken_away_too_early_is_named()
    {
        var (old, next) = (RotatingKey.NewFile(_folder), RotatingKey.NewFile(_folder));
        var wrapped = await old.WrapAsync(new byte[32], default);
        using var ring = new KeyRing(next);

        var refusal = await Assert.ThrowsAsync<VaultException>(() => ring.UnwrapAsync(old.Id, wrapped, default));

        Assert.Contains(old.Id, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(next.Id, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_file_and_a_list_of_one_file_are_the_same_ring()
    {
        var path = Path.Combine(_folder, "kek");
        LocalKeyFile.Create(path);

        var (one, listed) = (Load(("KeyFile", path)), Load(("Keys:0:File", path)));

        Assert.Equal([one.Id], listed.Ids);
        Assert.Empty(Load(("CanOpen", "false"), ("KeyFile", "/nowhere")).Ids);
    }

    [Theory]
    [InlineData("Keys:0", "Endpoint=http://127.0.0.1:1", "exactly one of")]
    [InlineData("Keys:0", "File=/a|Pkcs11=pkcs11:token=t", "exactly one of")]
    [InlineData("Keys:0", "File=/nowhere/kek", "vault create-key --out /nowhere/kek")]
    [InlineData("Keys:0", "AwsKms=alias/vault", "is not the ARN")]
    [InlineData("Keys:0", "AwsKms=arn:aws:kms:eu-central-1:111122223333:alias/vault", "is not the ARN")]
    [InlineData("Keys:0", $"AwsKms={Arn}|Endpoint=kms", "is not an http or https URL")]
    [InlineData("Keys:0", $"AwsKms={Arn}|AccessKeyId=AKIA", "set both, or neither")]
    [InlineData("Keys:0", $"AwsKms={Arn}|SecretAccessKey=x", "set both, or neither")]
    [InlineData("Keys:0", "Pkcs11=token=t|PinFile=/nowhere", "must be a PKCS#11 URI")]
    [InlineData("Keys:0", "Pkcs11=pkcs11:token=t;pin-value=1234|PinFile=/nowhere", "without a PIN")]
    [InlineData("Keys:0", "Pkcs11=pkcs11:token=t", "PinFile must be")]
    [InlineData("Keys:0", "Pkcs11=pkcs11:token=t|PinFile=/a;type=public", "PinFile must be")]
    [InlineData("Keys:0", "Pkcs11=pkcs11:token=t|PinFile=/nowhere", "There is no file /nowhere")]
    public void A_wrong_setting_ends_the_start_and_says_which_and_what_to_do(
        string place, string settings, string told)
    {
        var fault = Assert.Throws<VaultException>(() => Load([.. settings.Split('|').Select(setting =>
            ($"{place}:{setting.Split('=', 2)[0]}", setting.Split('=', 2)[1]))]));

        Assert.StartsWith("Vault:Keys:0: ", fault.Message, StringComparison.Ordinal);
        Assert.Contains(told, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_ways_to_say_which_key_wraps_are_refused_and_so_is_one_key_twice()
    {
        var path = Path.Combine(_folder, "kek");
        LocalKeyFile.Create(path);

        Assert.Contains("are both set", Assert.Throws<VaultException>(
            () => Load(("KeyFile", path), ("Keys:0:File", path))).Message);
        Assert.Contains("twice", Assert.Throws<VaultException>(
            () => Load(("Keys:0:File", path), ("Keys:1:File", path))).Message);
    }

    [Theory]
    [InlineData("1234\n")]
    [InlineData("")]
    public void A_PIN_that_the_HSM_would_count_as_a_wrong_one_is_refused_before_it_is_tried(string pin)
    {
        var path = Path.Combine(_folder, "pin");
        File.WriteAllText(path, pin);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);

        Assert.Contains("printf %s", Assert.Throws<VaultException>(
            () => Load(("Keys:0:Pkcs11", "pkcs11:token=t;object=o"), ("Keys:0:PinFile", path))).Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static KeyRing Load(params IEnumerable<(string Key, string Value)> settings) =>
        KeyRing.Load(VaultOptions.Of(new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting =>
                KeyValuePair.Create($"Vault:{setting.Key}", (string?)setting.Value)))
            .Build()));
}
