using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Sweeps;
using ControlPlane.Nodes.Banning;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Tests.Domains;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Nodes.Banning;

/// <summary>The path's bench with a node that is about to be stolen, and a mate of it.</summary>
internal sealed class RekeyBench(PathBench path, PostgresDatabase database, Guid stolen, Guid mate) : IAsyncDisposable
{
    public PathBench Path => path;

    public Guid Stolen => stolen;

    public Guid Mate => mate;

    public static async Task<RekeyBench> StartAsync(PostgresDatabase database)
    {
        var path = await PathBench.StartAsync(database);
        return new RekeyBench(
            path, database, (await path.NodeAsync("stolen")).Id, (await path.NodeAsync("mate")).Id);
    }

    /// <summary>A domain that is served, proven, with its key in the vault.</summary>
    public async Task<Order> ServedAsync(bool isReadByStolen = true)
    {
        var order = await path.OrderAsync(OrderState.Active);
        await path.SqlAsync(
            $"UPDATE domains SET status = 'Active', active_bundle_id = {order.BundleId} WHERE id = {order.DomainId}");
        await path.ReportAsync(mate, order, await path.FingerprintAsync(order));
        if (isReadByStolen)
        {
            await ReleaseAsync(order);
        }

        return order;
    }

    public Task ReleaseAsync(Order order) => path.SqlAsync(
        $"""
         INSERT INTO bundle_releases (node_id, bundle_id, sealing_key_id, released_at)
         VALUES ({stolen}, {order.BundleId}, 'key', {path.Clock.GetUtcNow()})
         """);

    /// <summary>What the route writes, in its order.</summary>
    public async Task BanAsync()
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await path.SqlAsync($"UPDATE nodes SET standing = 'Retired', banned_at = now() WHERE id = {stolen}");
        await path.SqlAsync(
            $"""
             INSERT INTO node_bans (node_id, rekey_asked_at) VALUES ({stolen}, {path.Clock.GetUtcNow()})
             ON CONFLICT (node_id) DO UPDATE SET rekey_finished_at = NULL
             """);
        await ExposedBundles.RecordAsync(connection, stolen, path.Clock.GetUtcNow(), default);
        await ExposedBundles.RevokeAsync(connection, stolen, path.Clock.GetUtcNow(), default);
        await ExposedBundles.RetryFailedAsync(connection, stolen, default);
        await transaction.CommitAsync();
    }

    public Task SweepAsync() => new RekeySweep(
        path, database.DataSource, path.Wakes, path.Clock, NullLogger<RekeySweep>.Instance).RunAsync(default);

    /// <summary>Once every node was heard: before that nothing is collected.</summary>
    public async Task DeleteOldKeysAsync()
    {
        await path.SqlAsync($"UPDATE nodes SET last_seen_at = {path.Clock.GetUtcNow()}");
        var pause = new CollectionPause(path.Clock, NullLogger<CollectionPause>.Instance);
        await new SupersededKeySweep(
            database.DataSource, path, pause, path.Vault, path.Clock, NullLogger<SupersededKeySweep>.Instance)
            .RunAsync(default);
    }

    /// <summary>Most exposed first.</summary>
    public async Task<IReadOnlyList<Replacement>> RowsAsync()
    {
        await using var db = database.Open();
        return await db.Replacements.AsNoTracking().OrderBy(row => row.Rank).ToListAsync();
    }

    /// <summary>The domain's orders, oldest first.</summary>
    public async Task<IReadOnlyList<Order>> OrdersAsync(Order of)
    {
        await using var db = database.Open();
        return await db.Orders.AsNoTracking().Include(row => row.Domain).Where(row => row.DomainId == of.DomainId)
            .OrderBy(row => row.Sequence).ToListAsync();
    }

    /// <summary>Walks an order to the door of the nodes: its bundle is wanted, and nobody has proven it.</summary>
    public async Task<Order> WalkToRolloutAsync(Order order)
    {
        await path.SqlAsync($"UPDATE orders SET state = 'PendingOrder' WHERE id = {order.Id}");
        order = await path.TurnUntilMovedAsync(await path.ReadAsync(order));
        path.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        path.Ca.OnDownload = () => path.Pki.Issue(order.Csr!, order.Hostname);
        order = await path.TurnUntilMovedAsync(order);
        order = await path.TurnUntilMovedAsync(order);
        Assert.Equal(OrderState.PendingDeployment, order.State);
        await path.PublishAsync();
        return order;
    }

    public ValueTask DisposeAsync() => path.DisposeAsync();
}
