using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Observing;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Observing;

/// <summary>Answers that are missing are looked for only where a node may lack some: the mark that spares the search
/// must never hide a degraded domain.</summary>
public sealed class CompleteNodesTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_missing_answer_is_found_until_the_node_has_given_all_and_a_refusal_is_one()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, shown) = await ServingAsync(app);
        var silent = await app.Rows.DomainAsync(shown.Domain.FleetId, status: DomainStatus.Active);

        Assert.Equal([silent.Id], await DegradedAsync(app, shown.Domain.FleetId));
        Assert.False(await SweepAsync(app, node));
        Assert.Equal([silent.Id], await DegradedAsync(app, shown.Domain.FleetId));

        await node.ReportAsync(true, silent.Refused(NodeErrorCodes.HAProxyRefused));
        Assert.True(await SweepAsync(app, node));
        Assert.Equal([silent.Id], await DegradedAsync(app, shown.Domain.FleetId));

        await node.ReportAsync(true, silent.Served());
        Assert.Empty(await DegradedAsync(app, shown.Domain.FleetId));
    }

    [Fact]
    public async Task A_node_that_comes_to_serve_begins_unmarked_because_names_became_active_without_it()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, shown) = await ServingAsync(app);
        Assert.True(await SweepAsync(app, node));
        await StandsAsync(NodeStanding.Lost);
        var missed = await app.Rows.DomainAsync(shown.Domain.FleetId, status: DomainStatus.Active);

        Assert.Equal(2, (await DegradedAsync(app, shown.Domain.FleetId)).Count);
        Assert.Equal("Serving", (await node.ReportAsync(true)).Standing);

        Assert.Equal([missed.Id], await DegradedAsync(app, shown.Domain.FleetId));
        Assert.False(await SweepAsync(app, node));
        await StandsAsync(NodeStanding.Draining);
        await node.ReportAsync(true, missed.Served());
        Assert.False(await SweepAsync(app, node), "Only who serves is marked.");

        Task StandsAsync(NodeStanding standing) => app.Rows.ReadAsync(db => db.Nodes.Where(row => row.Id == node.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.Standing, standing)));
    }

    [Fact]
    public async Task An_epoch_that_is_raised_takes_the_mark_with_the_answers()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, shown) = await ServingAsync(app);
        Assert.True(await SweepAsync(app, node));

        await node.ReportAsync(50, true, 4, 9);

        Assert.Equal([shown.Id], await DegradedAsync(app, shown.Domain.FleetId));
        Assert.False(await SweepAsync(app, node));
        await node.ReportAsync(51, true, 5, 0, shown.Served());
        Assert.True(await SweepAsync(app, node));
    }

    /// <summary>Fails when the sweep marks by what it saw before it had the node's row.</summary>
    [Fact]
    public async Task A_sweep_that_waited_for_the_node_looks_at_what_is_there_then()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, shown) = await ServingAsync(app);
        await using var other = database.Open();
        await using var forgetting = await other.Database.BeginTransactionAsync();
        await other.Database.ExecuteSqlAsync($"SELECT 1 FROM nodes WHERE id = {node.Id} FOR NO KEY UPDATE");
        var sweep = SweepAsync(app, node);
        await Eventually.TrueAsync(() => app.Rows.ReadAsync(db => db.Database.SqlQuery<bool>(
            $"""
             SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                            WHERE datname = current_database() AND wait_event_type = 'Lock') AS "Value"
             """).SingleAsync()));

        await other.NodeObservations.Where(row => row.NodeId == node.Id).ExecuteDeleteAsync();
        await forgetting.CommitAsync();

        Assert.False(await sweep);
        Assert.Equal([shown.Id], await DegradedAsync(app, shown.Domain.FleetId));
    }

    /// <summary>A serving node of a fleet of its own, and the active domain it has shown.</summary>
    private static async Task<(TestNode Node, SeededDomain Shown)> ServingAsync(NodesApp app)
    {
        var fleet = await app.Rows.FleetAsync();
        var shown = await app.Rows.DomainAsync(fleet.Id, status: DomainStatus.Active);
        var node = await app.EnrolAsync("n1", fleet.Name);
        Assert.Equal("Serving", (await node.ReportAsync(true, shown.Served())).Standing);
        return (node, shown);
    }

    /// <summary>Sweeps, and tells whether the node is marked.</summary>
    private async Task<bool> SweepAsync(NodesApp app, TestNode node)
    {
        await new CompleteNodes(database.DataSource).RunAsync(default);
        return await app.Rows.ReadAsync(db =>
            db.Nodes.Where(row => row.Id == node.Id).Select(row => row.ShowsAll).SingleAsync());
    }

    /// <summary>The fleet's degraded domains; its other active ones must be listed as active.</summary>
    private static async Task<List<Guid>> DegradedAsync(NodesApp app, Guid fleet)
    {
        var degraded = await ListAsync(OverallStatus.Degraded);
        var all = await app.Rows.ReadAsync(db => db.Domains
            .Where(row => row.FleetId == fleet && row.Status == DomainStatus.Active).OrderBy(row => row.Id)
            .Select(row => row.Id).ToListAsync());
        Assert.Equal(all.Except(degraded), await ListAsync(OverallStatus.Active));
        return degraded;

        Task<List<Guid>> ListAsync(OverallStatus status) => app.Rows.ReadAsync(db => db.Domains
            .HavingStatus(status, db).Where(row => row.FleetId == fleet).OrderBy(row => row.Id)
            .Select(row => row.Id).ToListAsync());
    }
}
