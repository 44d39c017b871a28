using ControlPlane.Domains;
using ControlPlane.Nodes;
using ControlPlane.Tests.Domains;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Nodes;

/// <summary>One node's trouble is its own: renewals of everything else go on, over days that a fake clock lets
/// pass.</summary>
public sealed class StandingTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_node_that_is_cut_off_is_lost_and_not_waited_for_until_it_serves_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var nodes = await NodesAsync(bench, 3);
        var liveness = new NodeLiveness(
            database.DataSource, bench.Wakes, Options.Create(new NodeOptions()), bench.Clock,
            NullLogger<NodeLiveness>.Instance);
        await liveness.RunAsync(default);
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        await ProveAsync(bench, order, nodes[..2]);
        Assert.Equal(("nodes-proving", "Still to prove it: n2."), Why(await bench.TurnAsync(order)));

        bench.Clock.Advance(TimeSpan.FromSeconds(91));
        await SeenAsync(bench, nodes[..2]);
        await liveness.RunAsync(default);
        Assert.Equal(OrderState.Active, (await bench.TurnAsync(order)).State);

        // Thirty days of renewals without it.
        for (var day = 0; day < 30; day++)
        {
            bench.Clock.Advance(TimeSpan.FromDays(1));
            var renewal = await bench.OrderAsync(OrderState.PendingDeployment);
            await ProveAsync(bench, renewal, nodes[..2]);
            Assert.Equal(OrderState.Active, (await bench.TurnAsync(renewal)).State);
        }

        await StandsAsync(bench, nodes[2], NodeStanding.Serving);
        var last = await bench.OrderAsync(OrderState.PendingDeployment);
        await ProveAsync(bench, last, nodes[..2]);
        Assert.Equal(("nodes-proving", "Still to prove it: n2."), Why(await bench.TurnAsync(last)));
    }

    [Fact]
    public async Task A_node_that_joins_late_is_waited_for_only_once_it_serves()
    {
        await using var bench = await PathBench.StartAsync(database);
        var nodes = await NodesAsync(bench, 2);
        var (late, _) = await bench.NodeAsync("late", NodeStanding.Joining);
        for (var day = 0; day < 10; day++)
        {
            bench.Clock.Advance(TimeSpan.FromDays(1));
            var renewal = await bench.OrderAsync(OrderState.PendingDeployment);
            await ProveAsync(bench, renewal, nodes);
            Assert.Equal(OrderState.Active, (await bench.TurnAsync(renewal)).State);
        }

        await StandsAsync(bench, late, NodeStanding.Serving);
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        await ProveAsync(bench, order, nodes);
        Assert.Equal(("nodes-proving", "Still to prove it: late."), Why(await bench.TurnAsync(order)));
        await ProveAsync(bench, order, [late]);
        bench.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(OrderState.Active, (await bench.TurnAsync(order)).State);
    }

    [Fact]
    public async Task A_bundle_that_one_node_refuses_for_a_month_holds_up_no_other_renewal()
    {
        await using var bench = await PathBench.StartAsync(database);
        var nodes = await NodesAsync(bench, 3);
        var bad = await bench.OrderAsync(OrderState.PendingDeployment);
        await ProveAsync(bench, bad, nodes);
        await bench.SqlAsync(
            $"""
             UPDATE node_observations SET state = 'Refused', error_code = 'haproxy-refused', error_detail = 'No.'
             WHERE node_id = {nodes[2]} AND domain_id = {bad.DomainId}
             """);

        for (var day = 0; day < 31; day++)
        {
            bench.Clock.Advance(TimeSpan.FromDays(1));
            Assert.Equal(("node-refused", "n2: haproxy-refused."), Why(await bench.TurnAsync(bad)));
            var renewal = await bench.OrderAsync(OrderState.PendingDeployment);
            await ProveAsync(bench, renewal, nodes);
            Assert.Equal(OrderState.Active, (await bench.TurnAsync(renewal)).State);
        }

        await bench.SqlAsync($"DELETE FROM node_observations WHERE domain_id = {bad.DomainId}");
        await ProveAsync(bench, bad, nodes);
        bench.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(OrderState.Active, (await bench.TurnAsync(bad)).State);
    }

    [Theory]
    [InlineData("Draining")]
    [InlineData("Retired")]
    public async Task A_node_on_its_way_out_is_neither_waited_for_nor_counted_against_the_majority(string standing)
    {
        await using var bench = await PathBench.StartAsync(database);
        var nodes = await NodesAsync(bench, 1);
        await bench.NodeAsync("out-1", Enum.Parse<NodeStanding>(standing));
        await bench.NodeAsync("out-2", Enum.Parse<NodeStanding>(standing));
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        await ProveAsync(bench, order, nodes);

        Assert.Equal(OrderState.Active, (await bench.TurnAsync(order)).State);
    }

    [Theory]
    [InlineData("Paused")]
    [InlineData("Halted")]
    [InlineData("CanarySilent")]
    public async Task A_domain_whose_change_is_held_says_so_and_goes_on_when_it_is_released(string state)
    {
        await using var bench = await PathBench.StartAsync(database);
        var nodes = await NodesAsync(bench, 1);
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        await bench.SqlAsync(
            $"""
             UPDATE fleets SET rollout = {state}, rollout_since = {bench.Clock.GetUtcNow()}, rollout_reason = 'Because.'
             """);

        var held = await bench.TurnAsync(order);
        Assert.Equal("rollout-paused", held.Reason);
        Assert.EndsWith("Because.", held.ReasonDetail, StringComparison.Ordinal);
        await bench.SqlAsync($"UPDATE fleets SET rollout = 'Running'");
        await ProveAsync(bench, order, nodes);
        bench.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(OrderState.Active, (await bench.TurnAsync(order)).State);
    }

    private static async Task<Guid[]> NodesAsync(PathBench bench, int count)
    {
        var nodes = new Guid[count];
        for (var n = 0; n < count; n++)
        {
            (nodes[n], _) = await bench.NodeAsync($"n{n}");
        }

        await SeenAsync(bench, nodes);
        return nodes;
    }

    private static async Task ProveAsync(PathBench bench, Order order, IEnumerable<Guid> nodes)
    {
        var fingerprint = await bench.FingerprintAsync(order);
        foreach (var node in nodes)
        {
            await bench.ReportAsync(node, order, fingerprint);
        }
    }

    private static Task SeenAsync(PathBench bench, Guid[] nodes) =>
        bench.SqlAsync($"UPDATE nodes SET last_seen_at = {bench.Clock.GetUtcNow()} WHERE id = ANY ({nodes})");

    private static Task StandsAsync(PathBench bench, Guid node, NodeStanding standing) =>
        bench.SqlAsync($"UPDATE nodes SET standing = {standing.ToString()} WHERE id = {node}");

    private static (string?, string?) Why(Order order) => (order.Reason, order.ReasonDetail);
}
