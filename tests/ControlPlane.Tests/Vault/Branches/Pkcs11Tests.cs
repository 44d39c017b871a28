using ControlPlane.Tests.Domains;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Vault.Branches;

/// <summary>The real program with a key in a real PKCS#11 token, through OpenSSL's engine.</summary>
public sealed class Pkcs11Tests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Every_key_moves_under_the_HSMs_key_and_back_again()
    {
        Assert.SkipWhen(SoftHsm.Missing is not null, SoftHsm.Missing ?? "");
        await using var bench = await PathBench.StartAsync(database);
        var hsm = await SoftHsm.CreateAsync(bench.Folder);
        var vault = new VaultBench(bench, database);
        await vault.SealAsync(60);
        var (file, payloads) = (bench.Kek.Now, await vault.PayloadsAsync());
        var path = Path.Combine(bench.Folder, "kek");

        var there = await RewrapAsync(hsm, ("Keys__0__Pkcs11", SoftHsm.Uri), ("Keys__0__PinFile", hsm.PinFile),
            ("Keys__1__File", path));

        Assert.True(there.Status == 0, there.Error + there.Output);
        Assert.Matches("pkcs11:[0-9a-f]{16} +60 +0 +current", there.Output);
        Assert.Matches($"{file.Id} +0 +0 +safe to remove", there.Output);
        await using (var db = bench.Open())
        {
            Assert.All(await db.VaultKeys.ToListAsync(), row =>
                Assert.StartsWith("pkcs11:", row.KekId, StringComparison.Ordinal));
        }

        // Whoever lacks the HSM opens nothing.
        await Assert.ThrowsAsync<VaultException>(() => vault.AllOpenAsync(file));

        var back = await RewrapAsync(hsm, ("Keys__0__File", path), ("Keys__1__Pkcs11", SoftHsm.Uri),
            ("Keys__1__PinFile", hsm.PinFile));

        Assert.True(back.Status == 0, back.Error + back.Output);
        Assert.Equal(payloads, await vault.PayloadsAsync());
        await vault.AllOpenAsync(file);
    }

    [Theory]
    [InlineData("pkcs11:token=controlplane;object=other", SoftHsm.Pin)]
    [InlineData(SoftHsm.Uri, "00000000")]
    public async Task A_wrong_label_or_PIN_ends_the_start_and_no_PIN_is_printed(string uri, string pin)
    {
        Assert.SkipWhen(SoftHsm.Missing is not null, SoftHsm.Missing ?? "");
        await using var bench = await PathBench.StartAsync(database);
        var hsm = await SoftHsm.CreateAsync(bench.Folder);
        await File.WriteAllTextAsync(hsm.PinFile, pin);

        var (status, output, error) = await RewrapAsync(
            hsm, ("Keys__0__Pkcs11", uri), ("Keys__0__PinFile", hsm.PinFile));

        Assert.Equal(1, status);
        Assert.Contains($"The HSM gives no RSA key {uri}", error, StringComparison.Ordinal);
        Assert.DoesNotContain(pin, output + error, StringComparison.Ordinal);
    }

    private Task<(int Status, string Output, string Error)> RewrapAsync(
        SoftHsm hsm, params (string Key, string Value)[] settings)
    {
        var environment = hsm.Environment;
        foreach (var (key, value) in settings)
        {
            environment[$"Vault__{key}"] = value;
        }

        return ControlPlaneProgram.RunAsync(database, environment, "vault", "rewrap", "--wait");
    }
}
