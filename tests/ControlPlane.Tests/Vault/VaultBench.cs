using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Tests.Domains;
using ControlPlane.Vault;
using ControlPlane.Vault.Rewrapping;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Vault;

/// <summary>Keys in the vault of a <see cref="PathBench"/>, and what a rewrap leaves of them.</summary>
internal sealed class VaultBench(PathBench bench, PostgresDatabase database)
{
    public static readonly TimeSpan Unhurried = TimeSpan.FromHours(1);

    private readonly Dictionary<Guid, byte[]> _sealed = [];

    public IReadOnlyCollection<Guid> Ids => _sealed.Keys;

    /// <summary>Seals keys under the bench's current key.</summary>
    public async Task SealAsync(int count)
    {
        for (var n = 0; n < count; n++)
        {
            using var made = OrderKey.Make("shop.example.com", KeyAlgorithm.EcdsaP256);
            var id = await bench.Vault.SealAsync(made.Key, Guid.NewGuid(), Guid.NewGuid(), default);
            _sealed.Add(id, made.Key.Pkcs8.ToArray());
        }
    }

    /// <summary>Asserts that these keys open and every key comes out as it went in.</summary>
    public async Task AllOpenAsync(params IReadOnlyList<IKeyEncryptionKey> keys)
    {
        var vault = new PostgresVault(bench, new KeyRing(keys), bench.Clock);
        foreach (var (id, pkcs8) in _sealed)
        {
            using var opened = await vault.OpenAsync(id, default);
            Assert.Equal(pkcs8, opened.Pkcs8.ToArray());
        }
    }

    public Rewrapper Rewrapper(params IReadOnlyList<IKeyEncryptionKey> keys) => new(
        bench, database.DataSource, new KeyRing(keys), bench.Clock, NullLogger<Rewrapper>.Instance);

    public Task<VaultView> StatusAsync(params IReadOnlyList<IKeyEncryptionKey> keys) =>
        new VaultStatus(bench, new KeyRing(keys)).ReadAsync(default);

    /// <summary>Begins a rewrap to the first key and runs it as far as it goes.</summary>
    public async Task RewrapAsync(params IReadOnlyList<IKeyEncryptionKey> keys)
    {
        var rewrapper = Rewrapper(keys);
        await rewrapper.StartAsync(default);
        await rewrapper.RunAsync(Unhurried, default);
    }

    public async Task<int> UnderAsync(string kek)
    {
        await using var db = bench.Open();
        return await db.VaultKeys.CountAsync(row => row.KekId == kek);
    }

    /// <summary>What a rewrap must never touch.</summary>
    public async Task<string> PayloadsAsync() => await bench.ValueAsync<string>(
        $"""
         SELECT md5(string_agg(id::text || domain_id || order_id || created_at
                || encode(public_key_hash || nonce || ciphertext, 'hex'), ',' ORDER BY id)) AS "Value" FROM vault_keys
         """);
}
