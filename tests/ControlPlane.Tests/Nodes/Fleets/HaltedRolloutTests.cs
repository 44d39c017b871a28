using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Fleets;

/// <summary>What stops a rollout, and what goes out all the same.</summary>
public sealed class HaltedRolloutTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_few_bad_bundles_halt_nothing_and_too_many_halt_all_further_changes()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 1, canaries: 0);
        var node = bench.Nodes[0];
        var domains = await bench.PublishedAsync(10);
        await bench.AnswerAsync(node, [
            .. domains.Take(4).Select(bad => bad.Refused(NodeErrorCodes.HAProxyRefused)),
            .. domains.Skip(4).Select(good => good.Served()),
        ]);
        await bench.StepAsync();
        Assert.Equal(RolloutState.Running, (await bench.RowAsync()).Rollout);
        Assert.Equal(4, (int)(await bench.RolloutAsync())["refusedDomains"]!);

        await bench.AnswerAsync(node, domains[4].Refused(NodeErrorCodes.HAProxyRefused));
        await bench.StepAsync();

        var rollout = await bench.RolloutAsync();
        Assert.Equal(("halted", 0.5), (rollout["state"]!.ToString(), (double)rollout["nackShare"]!));
        Assert.StartsWith("5 domains are refused", rollout["reason"]!.ToString(), StringComparison.Ordinal);
        Assert.Contains("&reason=node-refused lists them.", rollout["reason"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, await bench.EventsAsync(EventTypes.RolloutHalted));
        Assert.Contains(OrderState.PendingDeployment, bench.App.Wakes.Woken);
        var cursor = (await node.PollAsync()).Cursor;
        var late = Assert.Single(await bench.PublishedAsync(1));
        Assert.Empty(await FleetBench.ReadAsync(node, cursor));

        var resumed = node.PollAsync(cursor, Routes.MaxWaitSeconds);
        await bench.SteerAsync(HttpMethod.Post, "rollout/resume");
        Assert.Equal(late.Id, Assert.Single((await resumed.WaitAsync(Eventually.Deadline)).Upserts).Domain);
        // What was refused before it was resumed does not halt it again.
        await bench.StepAsync();
        Assert.Equal(RolloutState.Running, (await bench.RowAsync()).Rollout);
    }

    [Fact]
    public async Task One_percent_of_many_is_no_reason_to_halt()
    {
        await using var bench = await FleetBench.StartAsync(
            database, nodes: 1, canaries: 0, "Nodes:RefusedDomainsToHalt=1", "Nodes:RefusalShareToHalt=0.1");
        var domains = await bench.PublishedAsync(10);

        await bench.AnswerAsync(bench.Nodes[0], [
            domains[0].Refused(NodeErrorCodes.HAProxyRefused), .. domains.Skip(1).Select(good => good.Served()),
        ]);
        await bench.StepAsync();
        Assert.Equal(RolloutState.Running, (await bench.RowAsync()).Rollout);

        await bench.AnswerAsync(bench.Nodes[0], domains[1].Refused(NodeErrorCodes.HAProxyRefused));
        await bench.StepAsync();
        Assert.Equal(RolloutState.Halted, (await bench.RowAsync()).Rollout);
    }

    [Theory]
    [InlineData(NodeErrorCodes.Rollback)]
    [InlineData(NodeErrorCodes.WithdrawalsHeld)]
    public async Task A_nodes_own_caution_does_not_count(string code)
    {
        await using var bench = await FleetBench.StartAsync(
            database, nodes: 1, canaries: 0, "Nodes:RefusedDomainsToHalt=1");
        var domain = Assert.Single(await bench.PublishedAsync(1));

        await bench.AnswerAsync(bench.Nodes[0], domain.Refused(code));
        await bench.StepAsync();

        Assert.Equal(RolloutState.Running, (await bench.RowAsync()).Rollout);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 2)]
    [InlineData(1, 1)]
    public async Task What_one_node_refuses_and_its_neighbours_take_halts_nothing(int canaries, int sick)
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 3, canaries);
        var domains = await bench.PublishedAsync(10);
        if (canaries > 0)
        {
            await bench.AnswerAsync(bench.Nodes[0], [.. domains.Select(domain => domain.Served())]);
            await bench.StepAsync();
        }

        // It is the first to answer: what the others will say is not known yet.
        await bench.AnswerAsync(
            bench.Nodes[sick], [.. domains.Select(domain => domain.Refused(NodeErrorCodes.DiskFailed))]);
        await bench.StepAsync();
        Assert.Equal(RolloutState.Running, (await bench.RowAsync()).Rollout);
        Assert.Equal(0, (int)(await bench.RolloutAsync())["refusedDomains"]!);

        // A second one tells of the bundles.
        await bench.AnswerAsync(
            bench.Nodes[3 - sick], [.. domains.Select(domain => domain.Refused(NodeErrorCodes.HAProxyRefused))]);
        await bench.StepAsync();
        Assert.Equal(RolloutState.Halted, (await bench.RowAsync()).Rollout);
    }

    [Fact]
    public async Task A_resumed_rollout_is_not_halted_by_what_was_counted_before()
    {
        await using var bench = await FleetBench.StartAsync(
            database, nodes: 1, canaries: 0, "Nodes:RefusedDomainsToHalt=1");
        var domain = Assert.Single(await bench.PublishedAsync(1));
        await bench.AnswerAsync(bench.Nodes[0], domain.Refused(NodeErrorCodes.HAProxyRefused));
        await bench.StepAsync();
        Assert.Equal(RolloutState.Halted, (await bench.RowAsync()).Rollout);

        // An admin resumes it while a step, which has counted already, waits for the fleet's row.
        await using var resuming = database.Open();
        await using var transaction = await resuming.Database.BeginTransactionAsync();
        await resuming.Database.ExecuteSqlAsync(
            $"""
             UPDATE fleets SET rollout = 'Running', refusals_since = {bench.App.Clock.GetUtcNow().ToUniversalTime()}
             WHERE id = {bench.Fleet.Id}
             """);
        var step = bench.StepAsync();
        await Eventually.TrueAsync(() => bench.App.Rows.ReadAsync(rows => rows.Database.SqlQuery<bool>(
            $"""SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted) AS "Value" """).SingleAsync()));
        await transaction.CommitAsync();
        await step;

        Assert.Equal(RolloutState.Running, (await bench.RowAsync()).Rollout);
    }

    [Fact]
    public async Task A_halt_of_one_fleet_is_not_anothers()
    {
        await using var bench = await FleetBench.StartAsync(
            database, nodes: 1, canaries: 0, "Nodes:RefusedDomainsToHalt=1");
        await using var other = await FleetBench.StartAsync(database, nodes: 1, canaries: 0);
        var domain = Assert.Single(await bench.PublishedAsync(1));
        var cursor = (await other.Nodes[0].PollAsync()).Cursor;

        await bench.AnswerAsync(bench.Nodes[0], domain.Refused(NodeErrorCodes.HAProxyRefused));
        await bench.StepAsync();
        var theirs = Assert.Single(await other.PublishedAsync(1));

        Assert.Equal(RolloutState.Halted, (await bench.RowAsync()).Rollout);
        Assert.Equal(RolloutState.Running, (await other.RowAsync()).Rollout);
        Assert.Equal([theirs.Id], await FleetBench.ReadAsync(other.Nodes[0], cursor));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_withdrawal_goes_out_of_a_paused_fleet_and_what_is_held_stays_held(int canaries)
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries);
        var served = Assert.Single(await bench.PublishedAsync(1));
        await bench.AnswerAsync(bench.Nodes[0], served.Served());
        await bench.StepAsync();
        var cursor = (await bench.Nodes[1].PollAsync()).Cursor;
        await bench.SteerAsync(HttpMethod.Post, "rollout/pause", new { reason = "Looked at." });
        var held = Assert.Single(await bench.PublishedAsync(1));
        Assert.Empty(await FleetBench.ReadAsync(bench.Nodes[1], cursor));

        var poll = bench.Nodes[1].PollAsync(cursor, Routes.MaxWaitSeconds);
        await bench.App.Rows.ChangeAsync(served, sequence: 2, withdraw: true);
        await bench.PublishAsync();
        var page = await poll.WaitAsync(Eventually.Deadline);

        Assert.Empty(page.Upserts);
        Assert.Equal(served.Id, Assert.Single(page.Tombstones).Domain);
        await bench.SteerAsync(HttpMethod.Post, "rollout/resume");
        if (canaries > 0)
        {
            await bench.AnswerAsync(bench.Nodes[0], held.Served());
            await bench.StepAsync();
        }

        Assert.Equal([held.Id], await FleetBench.ReadAsync(bench.Nodes[1], page.Cursor));
    }

    [Fact]
    public async Task A_former_owners_withdrawal_waits_with_the_bundle_that_takes_its_names_place()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 1, canaries: 0);
        var former = Assert.Single(await bench.PublishedAsync(1));
        var cursor = (await bench.Nodes[0].PollAsync()).Cursor;
        await bench.SteerAsync(HttpMethod.Post, "rollout/pause");
        var successor = await bench.DomainAsync();
        await bench.App.Rows.ChangeAsync(successor);
        await bench.App.Rows.ChangeAsync(former, sequence: 2, withdraw: true);
        await using (var db = database.Open())
        {
            await db.Database.ExecuteSqlAsync(
                $"UPDATE desired_changes SET hostname = {former.Domain.Hostname} WHERE domain_id = {successor.Id}");
        }

        await bench.PublishAsync();
        Assert.Empty(await FleetBench.ReadAsync(bench.Nodes[0], cursor));
        await bench.SteerAsync(HttpMethod.Post, "rollout/resume");

        var page = await bench.Nodes[0].PollAsync(cursor);
        Assert.Equal(successor.Id, Assert.Single(page.Upserts).Domain);
        Assert.Equal(former.Id, Assert.Single(page.Tombstones).Domain);
    }

    [Fact]
    public async Task A_ban_does_not_wait_for_a_pause()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 0);
        await bench.SteerAsync(HttpMethod.Post, "rollout/pause");

        using var ban = await bench.App.AdminAsync(HttpMethod.Post, $"/v1/nodes/{bench.Nodes[0].Id}/ban", new { });
        ban.EnsureSuccessStatusCode();

        using var refused = await bench.Nodes[0].SendAsync("GET", $"{Routes.DesiredState}?wait=0");
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task Pausing_and_resuming_twice_is_told_once_and_a_bad_request_changes_nothing()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 1, canaries: 0);
        foreach (var reason in new[] { "First.", "Second." })
        {
            Assert.Equal(
                "First.",
                (await bench.SteerAsync(HttpMethod.Post, "rollout/pause", new { reason }))["rollout"]!["reason"]!
                    .ToString());
        }

        await bench.SteerAsync(HttpMethod.Post, "rollout/resume");
        await bench.SteerAsync(HttpMethod.Post, "rollout/resume");
        Assert.Equal(1, await bench.EventsAsync(EventTypes.RolloutPaused));
        Assert.Equal(1, await bench.EventsAsync(EventTypes.RolloutResumed));
        foreach (var canaries in new int?[] { -1, 101, null })
        {
            using var answer = await bench.App.AdminAsync(
                HttpMethod.Put, $"/v1/fleets/{bench.Fleet.Id}/rollout", new { canaries });
            Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
        }

        using var nowhere = await bench.App.AdminAsync(HttpMethod.Post, "/v1/fleets/nowhere/rollout/resume");
        Assert.Equal(System.Net.HttpStatusCode.NotFound, nowhere.StatusCode);
    }
}
