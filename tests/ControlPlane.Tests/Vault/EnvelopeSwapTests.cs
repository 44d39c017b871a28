using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Tests.Domains;
using ControlPlane.Tests.Vault.Branches;
using ControlPlane.Vault;
using ControlPlane.Vault.Branches;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Vault;

/// <summary>Threat: envelope swap. Who can write the database, but has no key, makes one name serve another's
/// key.</summary>
public sealed class EnvelopeSwapTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Theory]
    [InlineData("wrapped_key")]
    [InlineData("ciphertext, nonce")]
    [InlineData("wrapped_key, ciphertext, nonce")]
    [InlineData("wrapped_key, ciphertext, nonce, public_key_hash")]
    [InlineData("domain_id")]
    [InlineData("order_id")]
    [InlineData("domain_id, order_id")]
    public async Task Two_rows_that_changed_places_in_whatever_part_do_not_open(string columns)
    {
        foreach (var branched in new[] { false, true })
        {
            await using var bench = await PathBench.StartAsync(database);
            using var key = new BranchedKey(new CountingRoot(), bench.Clock);
            bench.Kek.Now = branched ? key : bench.Kek.Now;
            var (one, two) = (await SealAsync(bench), await SealAsync(bench));
            await using (var swap = database.DataSource.CreateCommand(
                $"UPDATE vault_keys mine SET ({columns}) = (SELECT {columns} FROM vault_keys other "
                + "WHERE other.id <> mine.id)"))
            {
                Assert.Equal(2, await swap.ExecuteNonQueryAsync());
            }

            await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(one, default));
            await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(two, default));
        }
    }

    /// <summary>A rewrap is no way around it: it moves the wrap and leaves the refusal.</summary>
    [Fact]
    public async Task A_swapped_wrap_does_not_open_after_a_rewrap_either()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        var (one, two) = (await SealAsync(bench), await SealAsync(bench));
        await bench.SqlAsync(
            $"""
             UPDATE vault_keys mine SET wrapped_key = other.wrapped_key FROM vault_keys other WHERE other.id <> mine.id
             """);

        await vault.RewrapAsync(next, old);

        bench.Kek.Now = new KeyRing(next);
        Assert.Equal(2, await vault.UnderAsync(next.Id));
        await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(one, default));
        await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(two, default));
    }

    [Fact]
    public async Task A_wrap_of_one_key_encryption_key_does_not_open_under_the_name_of_another()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        var id = await SealAsync(bench);
        bench.Kek.Now = new KeyRing(next, old);
        await using var db = bench.Open();
        await db.VaultKeys.ExecuteUpdateAsync(set => set.SetProperty(row => row.KekId, next.Id));

        await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(id, default));
    }

    private static async Task<Guid> SealAsync(PathBench bench)
    {
        using var made = OrderKey.Make("shop.example.com", KeyAlgorithm.EcdsaP256);
        return await bench.Vault.SealAsync(made.Key, Guid.NewGuid(), Guid.NewGuid(), default);
    }
}
