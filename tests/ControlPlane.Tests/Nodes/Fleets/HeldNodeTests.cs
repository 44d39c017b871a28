using System.Text.Json;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Fleets;

/// <summary>A node from which a rollout holds something is neither found to have drifted nor kept from
/// serving.</summary>
public sealed class HeldNodeTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Theory]
    [InlineData(nameof(RolloutState.Paused))]
    [InlineData(nameof(RolloutState.Halted))]
    public async Task A_record_behind_a_rollout_that_stands_still_does_not_differ_until_it_goes_on(string stands)
    {
        var state = Enum.Parse<RolloutState>(stands);
        await using var bench = await FleetBench.StartAsync(
            database, nodes: 1, canaries: 0, "Nodes:RefusedDomainsToHalt=1");
        var node = bench.Nodes[0];
        var served = Assert.Single(await bench.PublishedAsync(1));
        await bench.AnswerAsync(node, served.Served());
        await StopAsync(bench, state);
        var recorded = await node.PollAsync();
        var next = await RenewAsync(bench, served);
        await bench.PublishedAsync(1);

        var held = await CompareAsync(node, recorded);
        Assert.Empty(await FleetBench.ReadAsync(node, recorded.Cursor));

        Assert.Equal((0, 0), (held.Differing, held.Domains.Count));
        Assert.Equal(state, (await bench.RowAsync()).Rollout);
        await bench.SteerAsync(HttpMethod.Post, "rollout/resume");
        var released = await CompareAsync(node, recorded);
        Assert.NotEqual(0, released.Differing);
        Assert.Contains(next.Fingerprint, released.Domains.Select(row => row.Fingerprint));
    }

    [Fact]
    public async Task What_is_held_from_the_others_differs_for_the_canary_alone()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        var served = Assert.Single(await bench.PublishedAsync(1));
        await bench.AnswerAsync(bench.Nodes[0], served.Served());
        await bench.StepAsync();
        var recorded = await bench.Nodes[1].PollAsync();
        await RenewAsync(bench, served);

        Assert.Equal(1, (await CompareAsync(bench.Nodes[0], recorded)).Differing);
        Assert.Equal(0, (await CompareAsync(bench.Nodes[1], recorded)).Differing);
    }

    [Fact]
    public async Task A_lost_node_serves_again_with_the_last_good_bundle_while_the_next_is_held_and_not_after()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 1, canaries: 0);
        var node = bench.Nodes[0];
        var served = await bench.App.Rows.DomainAsync(bench.Fleet.Id, status: DomainStatus.Active);
        await bench.App.Rows.ChangeAsync(served);
        await bench.PublishAsync();
        await bench.AnswerAsync(node, served.Served());
        await bench.SteerAsync(HttpMethod.Post, "rollout/pause");
        await RenewAsync(bench, served);

        // Something else than the last good one is not enough, held or not.
        await bench.StandsAsync(node, NodeStanding.Lost);
        await bench.AnswerAsync(node, served.Served(new string('f', 64)));
        Assert.Equal(NodeStanding.Lost, await StandingAsync(bench, node));
        await bench.AnswerAsync(node, served.Served());
        Assert.Equal(NodeStanding.Serving, await StandingAsync(bench, node));

        await bench.SteerAsync(HttpMethod.Post, "rollout/resume");
        await bench.StandsAsync(node, NodeStanding.Lost);
        await bench.AnswerAsync(node);
        Assert.Equal(NodeStanding.Lost, await StandingAsync(bench, node));
    }

    private static async Task StopAsync(FleetBench bench, RolloutState state)
    {
        if (state == RolloutState.Paused)
        {
            await bench.SteerAsync(HttpMethod.Post, "rollout/pause");
            return;
        }

        var bad = Assert.Single(await bench.PublishedAsync(1));
        await bench.AnswerAsync(bench.Nodes[0], bad.Refused(NodeErrorCodes.HAProxyRefused, revision: 2));
        await bench.StepAsync();
    }

    /// <summary>The fleet wants the next bundle of a domain from now on.</summary>
    private async Task<Bundle> RenewAsync(FleetBench bench, SeededDomain of)
    {
        var next = await bench.App.Rows.RenewedAsync(of);
        await using (var db = database.Open())
        {
            await FleetRows.ChangeAsync(db, of, sequence: 2, next.Id);
        }

        await bench.PublishAsync();
        return next;
    }

    /// <summary>As an agent's digest round does, of what it recorded.</summary>
    private static async Task<DigestAnswer> CompareAsync(TestNode node, DesiredStatePage recorded)
    {
        var digest = new StateDigest();
        foreach (var row in recorded.Upserts)
        {
            digest.Toggle(row.Domain, row.Revision, row.Fingerprint);
        }

        using var answer = await node.SendAsync(
            "POST",
            Routes.Digests,
            JsonSerializer.SerializeToUtf8Bytes(
                new DigestRequest(recorded.Epoch, recorded.Revision, digest.ToBytes()),
                ContractsJson.Default.DigestRequest));
        answer.EnsureSuccessStatusCode();
        return JsonSerializer.Deserialize(
            await answer.Content.ReadAsByteArrayAsync(), ContractsJson.Default.DigestAnswer)!;
    }

    private static Task<NodeStanding> StandingAsync(FleetBench bench, TestNode node) =>
        bench.App.Rows.ReadAsync(rows => rows.Nodes.Where(row => row.Id == node.Id)
            .Select(row => row.Standing).SingleAsync());
}
