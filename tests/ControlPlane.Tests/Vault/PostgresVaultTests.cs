using System.Security.Cryptography;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Tests.Domains;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Vault;

public sealed class PostgresVaultTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Theory]
    [InlineData(nameof(KeyAlgorithm.EcdsaP256))]
    [InlineData(nameof(KeyAlgorithm.Rsa2048))]
    public async Task A_key_comes_out_as_it_went_in_and_rests_sealed(string algorithm)
    {
        await using var bench = await PathBench.StartAsync(database);
        using var made = OrderKey.Make("shop.example.com", Enum.Parse<KeyAlgorithm>(algorithm));
        var clear = made.Key.Pkcs8.ToArray();

        var id = await bench.Vault.SealAsync(made.Key, Guid.NewGuid(), Guid.NewGuid(), default);

        using var opened = await bench.Vault.OpenAsync(id, default);
        Assert.Equal(clear, opened.Pkcs8.ToArray());
        Assert.Equal(made.Key.PublicKeyHash, opened.PublicKeyHash);
        await using var db = bench.Open();
        var row = await db.VaultKeys.SingleAsync(key => key.Id == id);
        Assert.Equal(-1, row.Ciphertext.AsSpan().IndexOf(clear.AsSpan(0, 32)));
    }

    [Theory]
    [InlineData("domain_id = gen_random_uuid()")]
    [InlineData("order_id = gen_random_uuid()")]
    [InlineData("public_key_hash = sha256('other')")]
    [InlineData("kek_id = 'file:0000000000000000'")]
    [InlineData("wrapped_key = set_byte(wrapped_key, 20, get_byte(wrapped_key, 20) # 1)")]
    [InlineData("wrapped_key = substring(wrapped_key from 1 for 5)")]
    [InlineData("wrapped_key = ''")]
    [InlineData("nonce = set_byte(nonce, 0, get_byte(nonce, 0) # 1)")]
    [InlineData("nonce = substring(nonce from 1 for 5)")]
    [InlineData("ciphertext = set_byte(ciphertext, 0, get_byte(ciphertext, 0) # 1)")]
    [InlineData("ciphertext = substring(ciphertext from 1 for 5)")]
    public async Task A_row_that_was_altered_does_not_open(string alteration)
    {
        await using var bench = await PathBench.StartAsync(database);
        var id = await SealAsync(bench);
        await using (var alter = database.DataSource.CreateCommand($"UPDATE vault_keys SET {alteration}"))
        {
            Assert.Equal(1, await alter.ExecuteNonQueryAsync());
        }

        await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(id, default));
    }

    [Fact]
    public async Task A_deleted_key_opens_no_more_and_rests_for_30_days_before_it_is_destroyed()
    {
        await using var bench = await PathBench.StartAsync(database);
        var id = await SealAsync(bench);

        await bench.Vault.DeleteAsync(id, default);
        await bench.Vault.DeleteAsync(id, default);
        await bench.Vault.DeleteAsync(Guid.NewGuid(), default);

        await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(id, default));
        bench.Clock.Advance(TimeSpan.FromDays(29));
        await CollectAsync(bench);
        Assert.Equal(1, await CountAsync(bench));
        bench.Clock.Advance(TimeSpan.FromDays(2));
        await CollectAsync(bench);
        Assert.Equal(0, await CountAsync(bench));
    }

    [Fact]
    public async Task A_key_that_no_order_points_to_is_collected_and_one_in_use_is_not()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingValidation);
        var orphan = await SealAsync(bench);

        await CollectAsync(bench);
        Assert.Equal(2, await CountAsync(bench));
        bench.Clock.Advance(TimeSpan.FromDays(400));
        await CollectAsync(bench);

        Assert.Equal(1, await CountAsync(bench));
        using var opened = await bench.Vault.OpenAsync(order.KeyId!.Value, default);
        // In one transaction with the deletion: no key goes untold.
        Assert.Equal(1, await bench.ValueAsync<int>(
            $"""
            SELECT count(*)::int AS "Value" FROM audit_entries
            WHERE operation = 'DestroyKey' AND target = {$"vault_keys/{orphan}"} AND outcome = 'orphan'
            """));
    }

    [Fact]
    public async Task A_replica_without_the_key_encryption_key_can_neither_seal_nor_open()
    {
        await using var bench = await PathBench.StartAsync(database);
        var id = await SealAsync(bench);
        var vault = new PostgresVault(bench, new AbsentKey(), bench.Clock);
        using var made = OrderKey.Make("shop.example.com", KeyAlgorithm.EcdsaP256);

        await Assert.ThrowsAsync<VaultException>(() => vault.OpenAsync(id, default));
        await Assert.ThrowsAsync<VaultException>(
            () => vault.SealAsync(made.Key, Guid.NewGuid(), Guid.NewGuid(), default));
    }

    [Fact]
    public async Task A_database_that_is_away_is_a_vault_that_cannot_be_reached()
    {
        await using var bench = await PathBench.StartAsync(database);
        using var made = OrderKey.Make("shop.example.com", KeyAlgorithm.EcdsaP256);
        var folder = Path.Combine(bench.TokenFolder, "empty");
        await using var away = Npgsql.NpgsqlDataSource.Create($"Host={folder};Username=nobody;Timeout=2");
        var vault = new PostgresVault(new Away(away), new FixedKey(), bench.Clock);

        await Assert.ThrowsAsync<VaultException>(() => vault.OpenAsync(Guid.NewGuid(), default));
        await Assert.ThrowsAsync<VaultException>(() => vault.DeleteAsync(Guid.NewGuid(), default));
        await Assert.ThrowsAsync<VaultException>(
            () => vault.SealAsync(made.Key, Guid.NewGuid(), Guid.NewGuid(), default));
    }

    private static async Task<Guid> SealAsync(PathBench bench)
    {
        using var made = OrderKey.Make("shop.example.com", KeyAlgorithm.EcdsaP256);
        return await bench.Vault.SealAsync(made.Key, Guid.NewGuid(), Guid.NewGuid(), default);
    }

    private static Task<int> CountAsync(PathBench bench) =>
        bench.ValueAsync<int>($"""SELECT count(*)::int AS "Value" FROM vault_keys""");

    private static Task CollectAsync(PathBench bench) => new VaultCollection(
        bench, bench.Pause, bench.Trail, bench.Clock, NullLogger<VaultCollection>.Instance).RunAsync(default);

    private sealed class Away(Npgsql.NpgsqlDataSource source) : IDbContextFactory<ControlPlane.Database.ControlPlaneDb>
    {
        public ControlPlane.Database.ControlPlaneDb CreateDbContext() => new(
            new DbContextOptionsBuilder<ControlPlane.Database.ControlPlaneDb>().UseNpgsql(source).Options);
    }

    /// <summary>A key that is always there, so that only the database is away.</summary>
    private sealed class FixedKey : IKeyEncryptionKey
    {
        public string Id => "fixed";

        public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct) =>
            Task.FromResult(SHA256.HashData(dataKey));

        public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct) =>
            throw new VaultException("One way.");
    }
}
