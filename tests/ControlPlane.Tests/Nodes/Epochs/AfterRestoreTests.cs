using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Sweeps;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Tests.Audit;
using ControlPlane.Tests.Domains;
using ControlPlane.TokenStore;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Nodes.Epochs;

/// <summary>What a database that has forgotten something must not do about it.</summary>
public sealed class AfterRestoreTests(RestrictedDatabase database) : IClassFixture<RestrictedDatabase>
{
    private static readonly Guid Stranger = Guid.Parse("019cadc6-0a28-7c44-b1d2-6f7a8b9c0d1e");

    [Fact]
    public async Task An_order_placed_in_the_forgotten_time_with_a_key_we_hold_is_adopted_and_not_paid_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await DoubtedAsync(bench, withKey: true);
        bench.Ca.OnFind = id => id == order.Id ? [StandInCa.Told(CaOrderStatus.Issued, "ca-9")] : [];

        var adopted = await bench.TurnUntilMovedAsync(order);

        Assert.Equal((OrderState.PendingValidation, "ca-9"), (adopted.State, adopted.CaOrderId));
        Assert.Empty(bench.Ca.Paid);
        Assert.Contains(EventTypes.OrderAdopted, await bench.EventsAsync(order));
    }

    [Fact]
    public async Task An_issued_order_whose_key_is_lost_is_reissued_over_a_fresh_one_and_not_paid_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await DoubtedAsync(bench, withKey: false);
        bench.Ca.OnFind = _ => [StandInCa.Told(CaOrderStatus.Issued, "ca-9")];
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued, "ca-9");

        var reissued = await bench.TurnUntilMovedAsync(order);

        Assert.Equal((OrderState.PendingValidation, "ca-9"), (reissued.State, reissued.CaOrderId));
        Assert.NotNull(reissued.KeyId);
        Assert.Equal(["ca-9"], bench.Ca.Reissued);
        Assert.Empty(bench.Ca.Paid);
    }

    [Fact]
    public async Task A_pending_order_whose_key_is_lost_is_canceled_before_the_name_is_ordered_anew()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await DoubtedAsync(bench, withKey: false);
        bench.Ca.OnFind = _ => [StandInCa.Told(CaOrderStatus.Pending, "ca-9")];
        bench.Ca.OnPlace = _ => Task.FromResult(bench.Ca.Canceled.Contains("ca-9")
            ? new PlacedOrder("ca-10", null, null)
            : throw new InvalidOperationException("The first order still lives."));

        var placed = await bench.TurnUntilMovedAsync(order);

        Assert.Equal("ca-10", placed.CaOrderId);
    }

    [Fact]
    public async Task An_order_that_the_ca_does_not_know_is_placed_at_once()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await DoubtedAsync(bench, withKey: false);

        await bench.TurnUntilMovedAsync(order);

        Assert.Single(bench.Ca.Paid);
        Assert.Equal(["find"], bench.Ca.Asked.Where(call => call == "find"));
    }

    [Fact]
    public async Task For_a_week_after_a_restore_no_key_token_or_ca_order_from_before_it_is_collected()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingValidation, row => row.UncertainSince = row.CreatedAt);
        bench.Ca.OnFind = _ => [StandInCa.Told(CaOrderStatus.Pending, "perhaps-in-use")];
        using var key = OrderKey.Make("late.example.com", KeyAlgorithm.EcdsaP256);
        await bench.Vault.SealAsync(key.Key, Guid.NewGuid(), Guid.NewGuid(), default);
        await bench.Tokens.PublishAsync(
            "late.example.com", order.Sequence + 999, "value", bench.Clock.GetUtcNow().AddDays(30), default);
        bench.Clock.Advance(TimeSpan.FromHours(2));
        await RaiseAsync(bench);

        await CollectAsync(bench);
        Assert.Equal((2, 1), (await KeysAsync(bench), (await bench.Tokens.ListAsync(default)).Count));
        Assert.Empty(bench.Ca.Canceled);

        bench.Clock.Advance(RaiseEpoch.Pause + TimeSpan.FromMinutes(1));
        await CollectAsync(bench);
        Assert.Equal((1, 0), (await KeysAsync(bench), (await bench.Tokens.ListAsync(default)).Count));
        Assert.Equal(["perhaps-in-use"], bench.Ca.Canceled);
    }

    [Fact]
    public async Task Nothing_is_collected_before_every_serving_node_was_heard_since_the_start()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (node, _) = await bench.NodeAsync("n1");
        using var key = OrderKey.Make("late.example.com", KeyAlgorithm.EcdsaP256);
        await bench.Vault.SealAsync(key.Key, Guid.NewGuid(), Guid.NewGuid(), default);
        bench.Clock.Advance(TimeSpan.FromHours(2));

        await CollectAsync(bench);
        Assert.Equal(1, await KeysAsync(bench));
        await bench.SqlAsync($"UPDATE nodes SET last_seen_at = {bench.Clock.GetUtcNow()} WHERE id = {node}");
        await CollectAsync(bench);

        Assert.Equal(0, await KeysAsync(bench));
    }

    [Fact]
    public async Task A_name_that_nodes_serve_with_a_newer_certificate_stays_active_and_is_renewed_once()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await NewerAsync(bench, nodes: 2);

        await SweepCustodyAsync(bench);
        await SweepCustodyAsync(bench);

        await using var db = bench.Open();
        var orders = await db.Orders.OrderBy(row => row.Sequence).ToListAsync();
        Assert.Equal([OrderKind.New, OrderKind.Renewal], orders.Select(row => row.Kind));
        Assert.Equal((OrderState.Active, "newer-on-nodes"), (orders[0].State, orders[0].Reason));
        Assert.Equal(OrderState.PendingDns, orders[1].State);
        Assert.Equal(DomainStatus.Active, (await db.Domains.SingleAsync()).Status);
        Assert.Equal(1, await db.Events.CountAsync(told => told.Type == EventTypes.NewerOnNodes));
    }

    /// <summary>Fails when one stolen node's word buys certificates: each case lacks one thing a restore has.</summary>
    [Theory]
    [InlineData("no epoch was raised")]
    [InlineData("the pause is over")]
    [InlineData("the bundle is newer than the epoch")]
    [InlineData("one node says so")]
    [InlineData("each says another fingerprint")]
    [InlineData("the other node is banned")]
    public async Task A_lying_node_buys_no_certificate(string lacking)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await NewerAsync(bench, nodes: 2);
        FormattableString change = lacking switch
        {
            "no epoch was raised" => $"DELETE FROM epoch_bumps",
            "the pause is over" => $"UPDATE epoch_bumps SET collect_after = at",
            "the bundle is newer than the epoch" => $"UPDATE bundles SET created_at = created_at + interval '1 year'",
            "one node says so" =>
                $"DELETE FROM node_observations WHERE node_id = (SELECT min(id::text)::uuid FROM nodes)",
            "each says another fingerprint" =>
                $"""
                 UPDATE node_observations SET handshake_fingerprint = {new string('c', 64)}
                 WHERE node_id = (SELECT min(id::text)::uuid FROM nodes)
                 """,
            _ =>
                $"""
                 UPDATE nodes SET banned_at = now(), standing = 'Retired'
                 WHERE id = (SELECT min(id::text)::uuid FROM nodes)
                 """,
        };
        await bench.SqlAsync(change);
        if (lacking == "the other node is banned")
        {
            await bench.NodeAsync("n3");
        }

        await SweepCustodyAsync(bench);

        await using var db = bench.Open();
        Assert.Equal(order.Id, (await db.Orders.SingleAsync()).Id);
    }

    [Fact]
    public async Task Where_only_one_node_serves_its_word_is_enough_and_a_days_renewals_are_capped_with_an_event()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await NewerAsync(bench, nodes: 1);
        await bench.SqlAsync(
            $"""
             INSERT INTO events (at, tenant_id, domain_id, type, message)
             SELECT {bench.Clock.GetUtcNow()}, tenant_id, id, {EventTypes.NewerOnNodes}, 'Before.'
             FROM domains, generate_series(1, {CustodySweep.MostADay})
             """);

        await SweepCustodyAsync(bench);
        await SweepCustodyAsync(bench);
        await using (var db = bench.Open())
        {
            Assert.Equal(order.Id, (await db.Orders.SingleAsync()).Id);
            var told = await db.Events.SingleAsync(row => row.Type == EventTypes.CustodyCapped);
            Assert.Contains("default", told.Message, StringComparison.Ordinal);
        }

        bench.Clock.Advance(TimeSpan.FromDays(1) + TimeSpan.FromMinutes(1));
        await SweepCustodyAsync(bench);
        Assert.Equal(2, await bench.ValueAsync<int>($"""SELECT count(*)::int AS "Value" FROM orders"""));
    }

    [Fact]
    public async Task Orders_at_the_ca_that_have_no_row_are_found_once_and_those_of_others_are_left_alone()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingValidation);
        var now = bench.Clock.GetUtcNow();
        bench.Ca.Earlier.AddRange(
        [
            (now, new PlacedEarlier(StandInCa.OrderId, order.Id, order.Hostname, "pending")),
            (now, new PlacedEarlier("ca-lost", Stranger, "late.example.com", "issued")),
        ]);
        await RaiseAsync(bench);

        var sweep = new LostOrderSweep(bench.Authorities, bench, bench.Clock, NullLogger<LostOrderSweep>.Instance);
        await sweep.RunAsync(default);
        await sweep.RunAsync(default);

        await using var db = bench.Open();
        var found = Assert.Single(await db.FoundCaOrders.ToListAsync());
        Assert.Equal(("ca-lost", Stranger, "late.example.com"), (found.CaOrderId, found.OrderId, found.Hostname));
        Assert.NotNull((await db.EpochBumps.SingleAsync()).CaListedAt);
        Assert.Empty(bench.Ca.Canceled);
    }

    [Fact]
    public async Task A_forgotten_name_that_is_registered_again_uses_up_the_order_that_was_paid_for()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        await bench.SqlAsync(
            $"""
             INSERT INTO found_ca_orders (ca_order_id, order_id, hostname, status, found_at)
             VALUES ({StandInCa.OrderId}, {Stranger}, {order.Hostname}, 'pending', now())
             """);
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);

        var taken = await bench.TurnUntilMovedAsync(order);

        Assert.Equal((OrderState.PendingValidation, StandInCa.OrderId), (taken.State, taken.CaOrderId));
        Assert.Equal([StandInCa.OrderId], bench.Ca.Reissued);
        Assert.Empty(bench.Ca.Paid);
        await using var db = bench.Open();
        Assert.False(await db.FoundCaOrders.AnyAsync(row => row.Hostname == order.Hostname));
    }

    /// <summary>A served name, a restore, and nodes that all hold the same newer certificate for it.</summary>
    private static async Task<Order> NewerAsync(PathBench bench, int nodes)
    {
        var order = await bench.OrderAsync(OrderState.Active);
        await bench.SqlAsync($"UPDATE domains SET status = 'Active' WHERE id = {order.DomainId}");
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await RaiseAsync(bench);
        for (var n = 1; n <= nodes; n++)
        {
            var (node, _) = await bench.NodeAsync($"n{n}");
            await bench.ReportAsync(node, order, new string('b', 64));
        }

        await bench.SqlAsync(
            $"UPDATE node_observations SET state = 'Refused', error_code = 'rollback', error_detail = 'older'");
        return order;
    }

    private static async Task<Order> DoubtedAsync(PathBench bench, bool withKey)
    {
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        if (withKey)
        {
            using var made = OrderKey.Make(order.Hostname, KeyAlgorithm.EcdsaP256);
            var key = await bench.Vault.SealAsync(made.Key, order.DomainId, order.Id, default);
            await bench.SqlAsync($"UPDATE orders SET key_id = {key}, csr = {made.Csr} WHERE id = {order.Id}");
        }

        await RaiseAsync(bench);
        var doubted = await bench.ReadAsync(order);
        Assert.NotNull(doubted.DoubtedAt);
        return doubted;
    }

    private static Task<int> RaiseAsync(PathBench bench) => bench.Raise.RunAsync(
        EpochCause.OtherCluster, "A test.", (_, _) => Task.FromResult<IReadOnlyList<FleetToRaise>>(
            [new FleetToRaise(bench.FleetId, 1)]), default);

    private static async Task CollectAsync(PathBench bench)
    {
        await new VaultCollection(
            bench, bench.Pause, bench.Trail, bench.Clock, NullLogger<VaultCollection>.Instance).RunAsync(default);
        await new TokenSweep(bench.Tokens, bench, bench.Pause, NullLogger<TokenSweep>.Instance).RunAsync(default);
        await new SurplusOrderSweep(
            bench.Authorities, bench, bench.Pause, bench.Clock, NullLogger<SurplusOrderSweep>.Instance)
            .RunAsync(default);
    }

    private static Task SweepCustodyAsync(PathBench bench) => new CustodySweep(
        bench, bench.Wakes, bench.Clock, NullLogger<CustodySweep>.Instance).RunAsync(default);

    private static Task<int> KeysAsync(PathBench bench) =>
        bench.ValueAsync<int>($"""SELECT count(*)::int AS "Value" FROM vault_keys""");
}
