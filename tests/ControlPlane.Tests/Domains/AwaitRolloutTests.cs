using ControlPlane.Domains;
using ControlPlane.Nodes;
using ControlPlane.TokenStore;

namespace ControlPlane.Tests.Domains;

public sealed class AwaitRolloutTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_domain_is_active_when_every_serving_node_has_proven_it_and_not_before()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (a, _) = await bench.NodeAsync("a");
        var (b, _) = await bench.NodeAsync("b");
        await bench.NodeAsync("c", NodeStanding.Lost);
        await bench.NodeAsync("d", NodeStanding.Joining);
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        var fingerprint = await bench.FingerprintAsync(order);
        await bench.ReportAsync(a, order, fingerprint);
        await bench.ReportAsync(b, order, new string('0', 64));

        var waiting = await bench.TurnAsync(order);
        Assert.Equal(("nodes-proving", "Still to prove it: b."), (waiting.Reason, waiting.ReasonDetail));

        await bench.ReportAsync(b, order, fingerprint);
        bench.Clock.Advance(TimeSpan.FromSeconds(5));
        var active = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Active, (DateTimeOffset?)null), (active.State, active.NextAttemptAt));
        Assert.Equal((DomainStatus.Active, active.BundleId), (active.Domain.Status, active.Domain.ActiveBundleId));
        Assert.Equal(bench.Clock.GetUtcNow(), active.Domain.ActivatedAt);
    }

    [Fact]
    public async Task A_node_that_refuses_is_named_and_waited_for()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (a, _) = await bench.NodeAsync("a");
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        await bench.ReportAsync(a, order, await bench.FingerprintAsync(order));
        await bench.SqlAsync($"UPDATE node_observations SET state = 'Refused', error_code = 'key-mismatch'");

        var waiting = await bench.TurnAsync(order);

        Assert.Equal(("node-refused", "a: key-mismatch."), (waiting.Reason, waiting.ReasonDetail));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    public async Task Without_a_majority_of_the_nodes_that_should_serve_nothing_becomes_active(int serving, int lost)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        var fingerprint = await bench.FingerprintAsync(order);
        for (var n = 0; n < serving + lost; n++)
        {
            var (node, _) = await bench.NodeAsync($"n{n}", n < serving ? NodeStanding.Serving : NodeStanding.Lost);
            await bench.ReportAsync(node, order, fingerprint);
        }

        var waiting = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingDeployment, "no-serving-node"), (waiting.State, waiting.Reason));
        Assert.Null(waiting.Domain.ActivatedAt);
    }

    [Fact]
    public async Task The_token_is_withdrawn_first()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingDeployment, row => row.TokenPublishedAt = row.CreatedAt);
        await bench.Tokens.PublishAsync(
            order.Hostname, order.Sequence, "value", bench.Clock.GetUtcNow().AddDays(1), default);

        var waiting = await bench.TurnAsync(order);

        Assert.Null(waiting.TokenPublishedAt);
        Assert.Empty(await bench.Tokens.ListAsync(default));
    }

    [Fact]
    public async Task The_order_that_served_before_is_superseded_and_the_first_activation_stays_the_first()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (a, _) = await bench.NodeAsync("a");
        var served = await bench.OrderAsync(OrderState.Active);
        var first = bench.Clock.GetUtcNow();
        await bench.SqlAsync($"UPDATE domains SET status = 'Active', activated_at = {first}");
        bench.Clock.Advance(TimeSpan.FromDays(100));
        var renewed = await bench.OrderAsync(OrderState.PendingDeployment, of: served.Domain);
        await bench.ReportAsync(a, renewed, await bench.FingerprintAsync(renewed));

        var active = await bench.TurnAsync(renewed);

        Assert.Equal(OrderState.Active, active.State);
        Assert.Equal(OrderState.Superseded, (await bench.ReadAsync(served)).State);
        Assert.Equal((first, renewed.BundleId), (active.Domain.ActivatedAt!.Value, active.Domain.ActiveBundleId));
    }

    [Fact]
    public async Task An_order_that_a_later_one_has_overtaken_is_superseded()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("a");
        var slow = await bench.OrderAsync(OrderState.PendingDeployment);
        await bench.OrderAsync(OrderState.PendingDeployment, of: slow.Domain);

        Assert.Equal(OrderState.Superseded, (await bench.TurnAsync(slow)).State);
    }

    [Fact]
    public async Task A_deletion_that_arrives_with_the_last_proof_wins()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (a, _) = await bench.NodeAsync("a");
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        await bench.ReportAsync(a, order, await bench.FingerprintAsync(order));
        var claimed = await bench.ClaimAsync(order);
        await bench.SqlAsync($"UPDATE orders SET cancel_requested_at = {bench.Clock.GetUtcNow()}");

        await bench.Runner.RunAsync(claimed, PathBench.Lease, bench.Clock.GetTimestamp(), default);

        var after = await bench.ReadAsync(order);
        Assert.Equal(OrderState.Canceling, after.State);
        Assert.NotEqual(DomainStatus.Active, after.Domain.Status);
    }
}
