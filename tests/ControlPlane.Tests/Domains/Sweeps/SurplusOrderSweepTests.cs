using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Sweeps;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Domains.Sweeps;

public sealed class SurplusOrderSweepTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Everything_under_our_id_but_the_recorded_order_is_canceled_after_5_and_60_minutes()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingValidation, row => row.UncertainSince = row.CreatedAt);
        bench.Ca.OnFind = _ =>
        [
            StandInCa.Told(CaOrderStatus.Pending), StandInCa.Told(CaOrderStatus.Pending, "surplus"),
            StandInCa.Told(CaOrderStatus.Closed, "closed"), StandInCa.Told(CaOrderStatus.Issued, "issued"),
        ];

        await SweepAsync(bench);
        Assert.Empty(bench.Ca.Asked);
        bench.Clock.Advance(TimeSpan.FromMinutes(6));
        await SweepAsync(bench);
        await SweepAsync(bench);
        Assert.Equal(["surplus"], bench.Ca.Canceled);
        bench.Clock.Advance(TimeSpan.FromMinutes(55));
        await SweepAsync(bench);
        await SweepAsync(bench);

        Assert.Equal(["surplus", "surplus"], bench.Ca.Canceled);
        Assert.Equal(2, bench.Ca.Asked.Count(call => call == "find"));
        Assert.Null((await bench.ReadAsync(order)).UncertainSince);
        Assert.Contains(EventTypes.OrderSurplusCanceled, await bench.EventsAsync(order));
    }

    [Fact]
    public async Task An_order_whose_own_step_is_still_looking_is_left_alone()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder, row => row.UncertainSince = row.CreatedAt);
        await bench.SqlAsync(
            $"INSERT INTO ca_orders_seen (order_id, ca_order_id, seen_at) SELECT id, 'x', created_at FROM orders");
        bench.Ca.OnFind = _ => [StandInCa.Told(CaOrderStatus.Pending, "about-to-be-adopted")];
        bench.Clock.Advance(TimeSpan.FromHours(2));

        await SweepAsync(bench);

        Assert.Empty(bench.Ca.Canceled);
        Assert.Equal(0, (await bench.ReadAsync(order)).Sweeps);
    }

    [Fact]
    public async Task An_id_that_a_worker_without_a_lease_brought_home_is_canceled_once()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        await bench.SqlAsync(
            $"""
             INSERT INTO ca_orders_seen (order_id, ca_order_id, seen_at)
             SELECT id, unnest(ARRAY[ca_order_id, 'late']), created_at FROM orders
             """);
        bench.Clock.Advance(TimeSpan.FromMinutes(6));

        await SweepAsync(bench);
        await SweepAsync(bench);

        Assert.Equal(["late"], bench.Ca.Canceled);
        Assert.Contains(EventTypes.OrderSurplusCanceled, await bench.EventsAsync(order));
    }

    [Fact]
    public async Task An_order_that_was_canceled_keeps_nothing_at_the_ca()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.OrderAsync(OrderState.PendingDns, row =>
        {
            row.UncertainSince = row.CreatedAt;
            row.MoveTo(OrderState.Canceling, row.CreatedAt);
            row.MoveTo(OrderState.Canceled, row.CreatedAt);
        });
        bench.Ca.OnFind = _ => [StandInCa.Told(CaOrderStatus.Pending, "turned-up")];
        bench.Clock.Advance(TimeSpan.FromMinutes(6));

        await SweepAsync(bench);

        Assert.Equal(["turned-up"], bench.Ca.Canceled);
    }

    [Fact]
    public async Task An_order_the_ca_will_not_cancel_does_not_keep_the_others_alive()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.OrderAsync(OrderState.PendingIssuance);
        await bench.SqlAsync(
            $"""
             INSERT INTO ca_orders_seen (order_id, ca_order_id, seen_at)
             SELECT id, 'issued', created_at FROM orders UNION ALL
             SELECT id, 'late', created_at + interval '1 second' FROM orders
             """);
        bench.Ca.OnCancel = id => _ = id == "issued" ? throw StandInCa.Fault(CaFailure.Refused) : true;
        bench.Clock.Advance(TimeSpan.FromMinutes(6));

        await SweepAsync(bench);

        Assert.Equal(["late"], bench.Ca.Canceled);
    }

    /// <summary>Its CA order is the served certificate's: only what is still awaited under it may go, and nothing that
    /// the next attempt awaits.</summary>
    [Theory]
    [InlineData("Pending", false, 1)]
    [InlineData("Issued", false, 0)]
    [InlineData("Pending", true, 0)]
    public async Task Of_a_reissue_that_failed_only_what_is_still_awaited_is_canceled(
        string status, bool isAwaitedByAnother, int canceled)
    {
        await using var bench = await PathBench.StartAsync(database);
        var failed = await bench.OrderAsync(OrderState.Failed, row =>
            (row.CaOrderId, row.ReissueBaseline) = (StandInCa.OrderId, new ReissueBaseline("cert-0", [], 0)));
        await bench.SqlAsync(
            $"""
             INSERT INTO ca_orders_seen (order_id, ca_order_id, seen_at) SELECT id, ca_order_id, created_at FROM orders
             """);
        if (isAwaitedByAnother)
        {
            await bench.OrderAsync(OrderState.PendingValidation, of: failed.Domain);
        }

        bench.Ca.OnRead = () => StandInCa.Told(Enum.Parse<CaOrderStatus>(status));
        bench.Clock.Advance(TimeSpan.FromMinutes(6));

        await SweepAsync(bench);
        await SweepAsync(bench);

        Assert.Equal(canceled, bench.Ca.Canceled.Count);
    }

    [Fact]
    public async Task An_order_that_the_ca_shows_no_more_does_not_keep_the_others_alive()
    {
        await using var bench = await PathBench.StartAsync(database);
        var gone = await bench.OrderAsync(OrderState.Failed, row =>
            (row.CaOrderId, row.ReissueBaseline) = ("gone", new ReissueBaseline("cert-0", [], 0)));
        var other = await bench.OrderAsync(OrderState.PendingIssuance);
        await bench.SqlAsync(
            $"""
             INSERT INTO ca_orders_seen (order_id, ca_order_id, seen_at)
             SELECT id, 'gone', created_at FROM orders WHERE id = {gone.Id} UNION ALL
             SELECT id, 'late', created_at + interval '1 second' FROM orders WHERE id = {other.Id}
             """);
        bench.Ca.OnRead = () => throw StandInCa.Fault(CaFailure.Refused);
        bench.Clock.Advance(TimeSpan.FromMinutes(6));

        await SweepAsync(bench);

        Assert.Equal(["late"], bench.Ca.Canceled);
    }

    private static Task SweepAsync(PathBench bench) => new SurplusOrderSweep(
        bench.Authorities, bench, bench.Pause, bench.Clock, NullLogger<SurplusOrderSweep>.Instance).RunAsync(default);
}
