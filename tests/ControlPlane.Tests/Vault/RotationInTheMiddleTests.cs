using ControlPlane.Tests.Domains;
using ControlPlane.Tests.Nodes;
using ControlPlane.Vault;

namespace ControlPlane.Tests.Vault;

/// <summary>Threat: KEK rotation.</summary>
public sealed class RotationInTheMiddleTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task An_issuance_outlives_the_rotation_of_the_key_its_private_key_was_sealed_under()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("serving");
        await using var app = await NodesApp.StartAsync(database, bench.Vault);
        var node = await app.EnrolAsync("thirsty", "default");
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        var (way, vault) = (new WholeWay(bench), new VaultBench(bench, database));

        var order = await way.SealAsync();
        Assert.Equal(1, await vault.UnderAsync(old.Id));
        bench.Kek.Now = new KeyRing(next, old);
        order = await way.IssueAsync(order);
        var released = await way.ReleaseAsync(node, order);

        var later = await way.SealAsync();
        Assert.Equal((1, 1), (await vault.UnderAsync(next.Id), await vault.UnderAsync(old.Id)));
        await vault.RewrapAsync(next, old);
        Assert.True((await vault.StatusAsync(next, old)).Keys.Single(key => key.Id == old.Id).SafeToRemove);
        bench.Kek.Now = new KeyRing(next);

        Assert.Equal(released, await way.ReleaseAsync(node, order));
        later = await way.IssueAsync(later);
        Assert.NotEqual(released, await way.ReleaseAsync(node, later));
    }

    /// <summary>The mistake that a rotation's steps prevent: nothing is released, nothing is lost.</summary>
    [Fact]
    public async Task A_key_removed_too_early_stops_releases_and_put_back_gives_them_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("serving");
        await using var app = await NodesApp.StartAsync(database, bench.Vault);
        var node = await app.EnrolAsync("thirsty", "default");
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        var way = new WholeWay(bench);
        var order = await way.IssueAsync(await way.SealAsync());

        bench.Kek.Now = new KeyRing(next);
        using (var refused = await node.FetchAsync([order.DomainId]))
        {
            Assert.Equal(503, (int)refused.StatusCode);
        }

        bench.Kek.Now = new KeyRing(next, old);
        Assert.NotEmpty(await way.ReleaseAsync(node, order));
    }
}
