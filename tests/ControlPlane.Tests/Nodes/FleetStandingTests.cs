using ControlPlane.Domains;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Nodes;

/// <summary>What tenants hear of a fleet that lost nodes.</summary>
public sealed class FleetStandingTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Tenants_with_active_names_hear_of_lost_nodes_and_once_that_all_are_back()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var active = await app.Rows.DomainAsync(fleet.Id, status: DomainStatus.Active);
        var pending = await app.Rows.DomainAsync(fleet.Id);
        var elsewhere = await app.Rows.DomainAsync((await app.Rows.FleetAsync()).Id, status: DomainStatus.Active);
        await app.Rows.ChangeAsync(active);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var nodes = new List<TestNode>();
        foreach (var name in new[] { "n1", "n2", "n3" })
        {
            nodes.Add(await app.EnrolAsync(name, fleet.Name));
            Assert.Equal("Serving", (await nodes[^1].ReportAsync(true, active.Served())).Standing);
        }

        var liveness = app.App.Services.GetRequiredService<NodeLiveness>();
        await liveness.RunAsync(default);
        app.Clock.Advance(TimeSpan.FromSeconds(91));
        await nodes[0].ReportAsync(true);
        await liveness.RunAsync(default);
        Assert.Equal([EventTypes.FleetDegraded], await HeardAsync(active));

        Assert.Equal("Serving", (await nodes[1].ReportAsync(true)).Standing);
        Assert.Equal([EventTypes.FleetDegraded], await HeardAsync(active));
        Assert.Equal("Serving", (await nodes[2].ReportAsync(true)).Standing);

        Assert.Equal([EventTypes.FleetDegraded, EventTypes.FleetWhole], await HeardAsync(active));
        Assert.Empty(await HeardAsync(pending));
        Assert.Empty(await HeardAsync(elsewhere));

        Task<List<string>> HeardAsync(SeededDomain domain) => app.Rows.ReadAsync(db => db.Events
            .Where(row => row.TenantId == domain.Domain.TenantId && row.Type.StartsWith("fleet."))
            .OrderBy(row => row.Id).Select(row => row.Type).ToListAsync());
    }
}
