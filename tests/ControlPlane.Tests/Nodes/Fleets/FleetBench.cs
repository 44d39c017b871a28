using System.Text.Json.Nodes;
using ControlPlane.Contracts;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Fleets;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Nodes.Fleets;

/// <summary>A fleet with nodes that serve, for tests of its rollout.</summary>
internal sealed class FleetBench : IAsyncDisposable
{
    private readonly PostgresDatabase _database;

    private FleetBench(PostgresDatabase database, NodesApp app, Fleet fleet, IReadOnlyList<TestNode> nodes) =>
        (_database, App, Fleet, Nodes) = (database, app, fleet, nodes);

    public NodesApp App { get; }

    public Fleet Fleet { get; }

    /// <summary>In the order of their enrolment: the first are the canaries.</summary>
    public IReadOnlyList<TestNode> Nodes { get; }

    public static async Task<FleetBench> StartAsync(
        PostgresDatabase database, int nodes, int canaries, params string[] settings)
    {
        var app = await NodesApp.StartAsync(database, settings);
        var fleet = await app.Rows.FleetAsync();
        List<TestNode> serving = [];
        for (var n = 1; n <= nodes; n++)
        {
            var node = await app.EnrolAsync($"n{n}", fleet.Name);
            Assert.Equal("Serving", (await node.ReportAsync(synced: true)).Standing);
            serving.Add(node);
        }

        var bench = new FleetBench(database, app, fleet, serving);
        await bench.SteerAsync(HttpMethod.Put, "rollout", new { canaries });
        return bench;
    }

    public Task<SeededDomain> DomainAsync() => App.Rows.DomainAsync(Fleet.Id);

    /// <summary>Domains the fleet is to serve from now on.</summary>
    public async Task<IReadOnlyList<SeededDomain>> PublishedAsync(int count)
    {
        List<SeededDomain> domains = [];
        for (var n = 0; n < count; n++)
        {
            domains.Add(await DomainAsync());
            await App.Rows.ChangeAsync(domains[n]);
        }

        await PublishAsync();
        return domains;
    }

    public Task PublishAsync() => PublishBatch.RunAsync(_database.DataSource, App.Clock, default);

    public Task StepAsync() => App.App.Services.GetRequiredService<RolloutSteps>().RunAsync(default);

    /// <summary>Hostnames a node reads after a cursor.</summary>
    public static async Task<IReadOnlyList<Guid>> ReadAsync(TestNode node, string since)
    {
        var page = await node.PollAsync(since);
        return [.. page.Upserts.Select(row => row.Domain), .. page.Tombstones.Select(row => row.Domain)];
    }

    /// <summary>As an agent that has recorded all it was shown.</summary>
    public async Task AnswerAsync(TestNode node, params ObservedDomain[] rows)
    {
        var at = await RowAsync();
        await node.ReportAsync(++_report, true, at.Epoch, at.ReleasedRevision, rows);
    }

    public async Task<JsonNode> SteerAsync(HttpMethod method, string what, object? body = null)
    {
        using var answer = await App.AdminAsync(method, $"/v1/fleets/{Fleet.Name}/{what}", body);
        answer.EnsureSuccessStatusCode();
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
    }

    public async Task<JsonNode> RolloutAsync()
    {
        using var answer = await App.AdminAsync(HttpMethod.Get, $"/v1/fleets/{Fleet.Id}");
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["rollout"]!;
    }

    public Task<Fleet> RowAsync() =>
        App.Rows.ReadAsync(rows => rows.Fleets.AsNoTracking().SingleAsync(row => row.Id == Fleet.Id));

    public Task<int> EventsAsync(string type) =>
        App.Rows.ReadAsync(rows => rows.Events.CountAsync(
            row => row.Type == type && row.Message.Contains(Fleet.Name)));

    public async Task StandsAsync(TestNode node, NodeStanding standing)
    {
        await using var db = _database.Open();
        await db.Nodes.Where(row => row.Id == node.Id)
            .ExecuteUpdateAsync(row => row.SetProperty(set => set.Standing, standing));
    }

    public ValueTask DisposeAsync() => App.DisposeAsync();

    private long _report = 1000;
}
