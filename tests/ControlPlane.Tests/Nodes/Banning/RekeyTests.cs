using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Nodes.Banning;
using ControlPlane.Tests.Audit;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Banning;

public sealed class RekeyTests(RestrictedDatabase database) : IClassFixture<RestrictedDatabase>
{
    /// <summary>Fails when something else than the exposed bundles in use is replaced, when the rank is another, or
    /// when a second look orders again.</summary>
    [Fact]
    public async Task Exactly_the_exposed_bundles_in_use_get_an_order_the_most_exposed_first_and_once()
    {
        await using var bench = await RekeyBench.StartAsync(database);
        var rollingOut = await bench.Path.OrderAsync(OrderState.PendingDeployment);
        await bench.ReleaseAsync(rollingOut);
        bench.Path.Clock.Advance(TimeSpan.FromHours(1));
        var long1 = await bench.ServedAsync();
        bench.Path.Clock.Advance(TimeSpan.FromHours(1));
        var short1 = await bench.ServedAsync();
        var unread = await bench.ServedAsync(isReadByStolen: false);
        var gone = await bench.ServedAsync();
        await bench.Path.SqlAsync($"UPDATE desired_state SET bundle_id = NULL WHERE domain_id = {gone.DomainId}");
        await bench.Path.SqlAsync(
            $"""
             UPDATE domains SET active_bundle_id = NULL, status = 'Deleted', deleted_at = now()
             WHERE id = {gone.DomainId}
             """);

        await bench.BanAsync();
        await bench.SweepAsync();
        await bench.BanAsync();
        await bench.SweepAsync();

        var rows = await bench.RowsAsync();
        Assert.Equal([long1.BundleId, short1.BundleId, rollingOut.BundleId], rows.Select(row => (Guid?)row.BundleId));
        Assert.All(rows, row => Assert.Equal(ReplacementState.Ordered, row.State));
        foreach (var order in new[] { rollingOut, long1, short1 })
        {
            var opened = (await bench.OrdersAsync(order))[^1];
            Assert.Equal(2, (await bench.OrdersAsync(order)).Count);
            Assert.Equal((OrderKind.Renewal, OrderState.PendingDns), (opened.Kind, opened.State));
            Assert.Equal([EventTypes.OrderOpened], await bench.Path.EventsAsync(opened));
        }

        Assert.Single(await bench.OrdersAsync(unread));
        Assert.Single(await bench.OrdersAsync(gone));
    }

    /// <summary>Fails when the old bundle is given up before the new one is proven, when its key leaves the vault while
    /// a node may serve it, or when it stays there afterwards.</summary>
    [Fact]
    public async Task The_old_bundle_serves_until_the_new_one_is_proven_and_then_its_key_leaves_the_vault()
    {
        await using var bench = await RekeyBench.StartAsync(database);
        var old = await bench.ServedAsync();
        await bench.BanAsync();
        await bench.SweepAsync();
        var renewed = await bench.WalkToRolloutAsync((await bench.OrdersAsync(old))[^1]);

        var waiting = await bench.Path.TurnAsync(renewed);
        await bench.SweepAsync();
        await bench.DeleteOldKeysAsync();
        Assert.Equal((OrderState.PendingDeployment, "nodes-proving"), (waiting.State, waiting.Reason));
        Assert.Equal(old.BundleId, waiting.Domain.ActiveBundleId);
        Assert.Equal(OrderState.Active, (await bench.Path.ReadAsync(old)).State);
        Assert.Equal(ReplacementState.Ordered, (await bench.RowsAsync())[0].State);
        (await bench.Path.Vault.OpenAsync(old.KeyId!.Value, default)).Dispose();

        await bench.Path.ReportAsync(bench.Mate, renewed, await bench.Path.FingerprintAsync(renewed));
        var active = await bench.Path.TurnUntilMovedAsync(waiting);
        var (lost, _) = await bench.Path.NodeAsync("lost", ControlPlane.Nodes.NodeStanding.Lost);
        await bench.Path.ReportAsync(lost, renewed, await bench.Path.FingerprintAsync(old));
        await bench.SweepAsync();
        await bench.DeleteOldKeysAsync();

        Assert.Equal((OrderState.Active, renewed.BundleId), (active.State, active.Domain.ActiveBundleId));
        Assert.Equal(OrderState.Superseded, (await bench.Path.ReadAsync(old)).State);
        var row = Assert.Single(await bench.RowsAsync());
        Assert.Equal((ReplacementState.Replaced, renewed.Id), (row.State, row.OrderId!.Value));
        // A node that is not there to ask may still be serving it.
        (await bench.Path.Vault.OpenAsync(old.KeyId!.Value, default)).Dispose();

        await bench.Path.ReportAsync(lost, renewed, await bench.Path.FingerprintAsync(renewed));
        await bench.DeleteOldKeysAsync();
        await bench.DeleteOldKeysAsync();

        await Assert.ThrowsAsync<ControlPlane.Vault.VaultException>(
            () => bench.Path.Vault.OpenAsync(old.KeyId!.Value, default));
        (await bench.Path.Vault.OpenAsync(renewed.KeyId!.Value, default)).Dispose();
        Assert.Single(await bench.Path.EventsAsync(old), EventTypes.KeyDeleted);
        Assert.NotNull((await bench.Path.ReadAsync(old)).KeyDeletedAt);
        await using var db = database.Open();
        Assert.NotNull((await db.NodeBans.SingleAsync()).RekeyFinishedAt);
        Assert.Single(await db.Events.Where(told => told.NodeId == bench.Stolen).Select(told => told.Type)
            .ToListAsync(), EventTypes.RekeyFinished);
    }

    [Fact]
    public async Task A_later_order_that_the_node_never_read_from_is_enough_and_one_that_it_read_is_not()
    {
        await using var bench = await RekeyBench.StartAsync(database);
        var underWay = await bench.ServedAsync();
        var open = await bench.Path.OrderAsync(OrderState.PendingValidation, of: underWay.Domain);
        var unread = await bench.ServedAsync();
        var rolling = await bench.Path.OrderAsync(OrderState.PendingDeployment, of: unread.Domain);
        var read = await bench.ServedAsync();
        var exposed = await bench.Path.OrderAsync(OrderState.PendingDeployment, of: read.Domain);
        await bench.ReleaseAsync(exposed);

        await bench.BanAsync();
        await bench.SweepAsync();

        var rows = (await bench.RowsAsync()).ToDictionary(row => row.BundleId, row => row.OrderId);
        Assert.Equal(open.Id, rows[underWay.BundleId!.Value]);
        Assert.Equal(rolling.Id, rows[unread.BundleId!.Value]);
        var opened = (await bench.OrdersAsync(read))[^1];
        Assert.Equal(
            (opened.Id, opened.Id, 3),
            (rows[read.BundleId!.Value], rows[exposed.BundleId!.Value], (await bench.OrdersAsync(read)).Count));
    }

    [Theory]
    [InlineData("Deleting", "Held", "domain-deleted")]
    [InlineData("Failed", "Lost", "ownership-lost")]
    public async Task A_domain_gone_meanwhile_needs_no_replacement_and_is_told_as_such(
        string status, string claim, string reason)
    {
        await using var bench = await RekeyBench.StartAsync(database);
        var order = await bench.ServedAsync();
        await bench.BanAsync();
        await bench.Path.SqlAsync(
            $"UPDATE domains SET status = {status}, claim = {claim} WHERE id = {order.DomainId}");

        await bench.SweepAsync();

        var row = Assert.Single(await bench.RowsAsync());
        Assert.Equal((ReplacementState.NotNeeded, reason), (row.State, row.Reason));
        Assert.Single(await bench.OrdersAsync(order));
    }

    /// <summary>Fails when a failed replacement is forgotten, hidden, or hammered.</summary>
    [Fact]
    public async Task A_replacement_that_fails_shows_why_and_is_tried_again_later_or_when_the_ban_is_repeated()
    {
        await using var bench = await RekeyBench.StartAsync(database);
        var order = await bench.ServedAsync();
        await bench.BanAsync();
        await bench.SweepAsync();
        await FailAsync((await bench.OrdersAsync(order))[^1]);

        await bench.SweepAsync();
        await bench.SweepAsync();
        var row = Assert.Single(await bench.RowsAsync());
        Assert.Equal((ReplacementState.Failed, Reasons.CaRefused.Code, 1), (row.State, row.Reason, row.Attempts));
        Assert.Equal(bench.Path.Clock.GetUtcNow().AddMinutes(15), row.NextAttemptAt);
        Assert.Equal(2, (await bench.OrdersAsync(order)).Count);

        bench.Path.Clock.Advance(TimeSpan.FromMinutes(15));
        await bench.SweepAsync();
        Assert.Equal(3, (await bench.OrdersAsync(order)).Count);
        await FailAsync((await bench.OrdersAsync(order))[^1]);
        await bench.SweepAsync();
        Assert.Equal(
            bench.Path.Clock.GetUtcNow().AddMinutes(60), Assert.Single(await bench.RowsAsync()).NextAttemptAt);

        await bench.BanAsync();
        await bench.SweepAsync();
        Assert.Equal(4, (await bench.OrdersAsync(order)).Count);
        Assert.Equal(ReplacementState.Ordered, Assert.Single(await bench.RowsAsync()).State);

        Task<int> FailAsync(Order opened) => bench.Path.SqlAsync(
            $"""
             UPDATE orders SET state = 'Failed', reason = {Reasons.CaRefused.Code}, closed_at = now(),
                 next_attempt_at = NULL WHERE id = {opened.Id}
             """);
    }

    [Fact]
    public async Task A_great_many_replacements_come_to_the_CA_in_small_batches()
    {
        await using var bench = await RekeyBench.StartAsync(database);
        for (var n = 0; n < RekeySweep.MostAhead + 3; n++)
        {
            await bench.ServedAsync();
        }

        await bench.BanAsync();
        await bench.SweepAsync();
        await bench.SweepAsync();
        Assert.Equal(RekeySweep.MostAhead, await OrderedAsync());

        // One is at the CA, one waits for its customer: neither is in anyone's way.
        var opened = (await bench.RowsAsync()).Select(row => row.OrderId).OfType<Guid>().ToList();
        await bench.Path.SqlAsync($"UPDATE orders SET snoozes = 1 WHERE id = {opened[0]}");
        await bench.Path.SqlAsync(
            $"UPDATE orders SET state = 'PendingValidation', ca_order_id = '7' WHERE id = {opened[1]}");
        await bench.SweepAsync();
        Assert.Equal(RekeySweep.MostAhead + 2, await OrderedAsync());

        async Task<int> OrderedAsync() =>
            (await bench.RowsAsync()).Count(row => row.State == ReplacementState.Ordered);
    }
}
