using ControlPlane.Nodes;
using ControlPlane.Nodes.Proving;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Fleets;

/// <summary>Nothing crosses from fleet to fleet.</summary>
public sealed class FleetsApartTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_node_neither_lists_fetches_reports_nor_proves_a_domain_of_another_fleet()
    {
        await using var mine = await FleetBench.StartAsync(database, nodes: 1, canaries: 0);
        await using var theirs = await FleetBench.StartAsync(database, nodes: 1, canaries: 0);
        var stranger = mine.Nodes[0];
        var domain = Assert.Single(await theirs.PublishedAsync(1));

        Assert.Empty((await stranger.PollAsync()).Upserts);
        var fetched = await stranger.FetchedAsync([domain.Id]);
        Assert.Empty(fetched.Bundles);
        Assert.Equal([domain.Id], fetched.Missing);
        await mine.AnswerAsync(stranger, domain.Served());

        Assert.Empty(await mine.App.Rows.ReadAsync(
            rows => rows.NodeObservations.Where(row => row.DomainId == domain.Id).ToListAsync()));
        Assert.Equal(RolloutOutcome.Waiting, (await RolloutAsync(domain)).Outcome);
        await theirs.AnswerAsync(theirs.Nodes[0], domain.Served());
        Assert.Equal(RolloutOutcome.Proven, (await RolloutAsync(domain)).Outcome);
    }

    [Fact]
    public async Task Majorities_and_withdrawals_count_the_nodes_of_their_own_fleet()
    {
        await using var mine = await FleetBench.StartAsync(database, nodes: 3, canaries: 0);
        await using var theirs = await FleetBench.StartAsync(database, nodes: 1, canaries: 0);
        foreach (var node in mine.Nodes)
        {
            await mine.StandsAsync(node, NodeStanding.Lost);
        }

        var domain = Assert.Single(await theirs.PublishedAsync(1));
        await theirs.AnswerAsync(theirs.Nodes[0], domain.Served());
        var verdict = await RolloutAsync(domain);
        Assert.Equal((RolloutOutcome.Proven, 0), (verdict.Outcome, verdict.Lost.Count));

        await theirs.App.Rows.ChangeAsync(domain, sequence: 2, withdraw: true);
        await theirs.PublishAsync();
        await theirs.AnswerAsync(theirs.Nodes[0], domain.Withdrawn(2));
        await using var db = database.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        var withdrawal = await WithdrawalProof.ReadAsync(db, theirs.Fleet.Id, domain.Id, default);
        Assert.True(withdrawal.Confirmed);
        Assert.Equal("n1", Assert.Single(withdrawal.By).Name);
        Assert.Empty(withdrawal.Others);
    }

    [Fact]
    public async Task A_majority_lost_in_one_fleet_stops_that_fleet_only()
    {
        await using var cut = await FleetBench.StartAsync(database, nodes: 2, canaries: 0);
        await using var whole = await FleetBench.StartAsync(database, nodes: 3, canaries: 0);
        await cut.StandsAsync(cut.Nodes[0], NodeStanding.Lost);
        var stopped = Assert.Single(await cut.PublishedAsync(1));
        var going = Assert.Single(await whole.PublishedAsync(1));
        await cut.AnswerAsync(cut.Nodes[1], stopped.Served());
        foreach (var node in whole.Nodes)
        {
            await whole.AnswerAsync(node, going.Served());
        }

        Assert.Equal(RolloutOutcome.NoMajority, (await RolloutAsync(stopped)).Outcome);
        Assert.Equal(RolloutOutcome.Proven, (await RolloutAsync(going)).Outcome);
    }

    private async Task<RolloutVerdict> RolloutAsync(SeededDomain of)
    {
        await using var db = database.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        return await RolloutProof.ReadAsync(db, of.Domain.FleetId, of.Id, of.Bundle.Fingerprint, default);
    }
}
