using System.Security.Cryptography;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Tests.Domains;
using ControlPlane.Tests.Nodes;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Vault;

/// <summary>Threat: a stolen dump of the database, without the key-encryption key.</summary>
public sealed class StolenDumpTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_stolen_dump_gives_no_private_key()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (serving, _) = await bench.NodeAsync("serving");
        await using var app = await NodesApp.StartAsync(database, bench.Vault);
        var node = await app.EnrolAsync("thirsty", "default");
        var (way, vault) = (new WholeWay(bench), new VaultBench(bench, database));
        var kek = await File.ReadAllTextAsync(Path.Combine(bench.Folder, "kek"));
        List<byte[]> keys = [];
        foreach (var _ in new[] { "first", "second" })
        {
            var order = await way.IssueAsync(await way.SealAsync());
            keys.Add(await way.ReleaseAsync(node, order));
            await way.ActivateAsync(order, serving);
        }

        // One more of the other kind, one deleted, and traces of a rewrap that failed.
        using var rsa = OrderKey.Make("rsa.example.com", KeyAlgorithm.Rsa2048);
        keys.Add(rsa.Key.Pkcs8.ToArray());
        await bench.Vault.DeleteAsync(
            await bench.Vault.SealAsync(rsa.Key, Guid.NewGuid(), Guid.NewGuid(), default), default);
        var stranger = RotatingKey.NewFile(bench.Folder);
        await vault.RewrapAsync(stranger);
        await using var db = bench.Open();
        var rows = await db.VaultKeys.AsNoTracking().ToListAsync();
        var dataKeys = await DataKeysAsync(bench, rows);

        var dump = await StolenDump.TakeAsync(database.DataSource);

        Assert.True(dump.Tables > 15, $"{dump.Tables} tables are not all of them");
        Assert.Equal(3, rows.Count);
        Assert.Equal(0, dump.PrivateKeys());
        Assert.Equal(0, dump.Opens(rows));
        var secrets = keys.SelectMany(Parts).Concat(dataKeys).Append(Convert.FromBase64String(kek)).ToList();
        Assert.All(secrets, secret => Assert.False(dump.Shows(secret)));

        // The same thief with anything left lying about recovers it: what is above can fail.
        Assert.All(secrets, secret => Assert.True(Planted(plant => plant.Plant(secret)).Shows(secret)));
        Assert.All(secrets, secret => Assert.True(Planted(
            plant => plant.Plant($"x{Convert.ToHexStringLower(secret)}y")).Shows(secret)));
        Assert.All(secrets, secret => Assert.True(Planted(
            plant => plant.Plant(Convert.ToBase64String([1, 2, .. secret, 3]))).Shows(secret)));
        Assert.All(keys, key => Assert.Equal(1, Planted(plant => plant.Plant(key)).PrivateKeys()));
        Assert.Equal(1, Planted(plant => plant.Plant(dataKeys[0])).Opens(rows));
        Assert.Equal(rows.Count, Planted(plant => plant.Plant(Convert.FromBase64String(kek))).Opens(rows));
    }

    private static StolenDump Planted(Action<StolenDump> plant)
    {
        var dump = new StolenDump();
        plant(dump);
        return dump;
    }

    private static async Task<IReadOnlyList<byte[]>> DataKeysAsync(PathBench bench, IEnumerable<VaultKey> rows)
    {
        List<byte[]> keys = [];
        foreach (var row in rows)
        {
            keys.Add(await bench.Kek.UnwrapAsync(row.KekId, row.WrappedKey, default));
        }

        return keys;
    }

    /// <summary>The secret numbers of a key, and their halves: what is found of them is found of PKCS#8 and SEC1 too,
    /// which hold them as they are.</summary>
    private static IEnumerable<byte[]> Parts(byte[] pkcs8)
    {
        byte[][] numbers;
        if (Tried(pkcs8) is { } rsa)
        {
            var parameters = rsa.ExportParameters(true);
            numbers = [parameters.D!, parameters.P!, parameters.Q!];
            rsa.Dispose();
        }
        else
        {
            using var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(pkcs8, out _);
            numbers = [key.ExportParameters(true).D!];
        }

        return numbers.SelectMany(number => new[] { number[..(number.Length / 2)], number[(number.Length / 2)..] });
    }

    private static RSA? Tried(byte[] pkcs8)
    {
        var rsa = RSA.Create();
        try
        {
            rsa.ImportPkcs8PrivateKey(pkcs8, out _);
            return rsa;
        }
        catch (CryptographicException)
        {
            rsa.Dispose();
            return null;
        }
    }
}
