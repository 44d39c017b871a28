using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Publishing;
using ControlPlane.Tests.Audit;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Epochs;

/// <summary>A database that was put back as files looks like itself: only nodes that remember more can tell.</summary>
public sealed class NodeAheadTests(RestrictedDatabase database) : IClassFixture<RestrictedDatabase>
{
    [Fact]
    public async Task A_node_that_holds_more_than_this_database_remembers_raises_the_epoch_once_over_two_replicas()
    {
        await using var app = await NodesApp.StartAsync(database);
        await using var replica = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var (first, second) = (await app.EnrolAsync("n1", fleet.Name), await replica.EnrolAsync("n2", fleet.Name));
        var shown = new DesiredStateCursor(1, 7, Guid.AllBitsSet);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(turn =>
            (turn % 2 == 0 ? first : second).SendAsync("GET", $"{Routes.DesiredState}?since={shown}")));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.Gone, answer.StatusCode));
        var bump = Assert.Single(await BumpsAsync(fleet.Id));
        Assert.Equal((1, 2, EpochCause.NodeAhead), (bump.FromEpoch, bump.ToEpoch, bump.Cause));
        Assert.Equal(bump.At + TimeSpan.FromDays(7), bump.CollectAfter);
        Assert.Equal(2, (await first.PollAsync()).Epoch);
        Assert.Contains(
            await app.Rows.ReadAsync(db => db.Events.Where(row => row.Type == EventTypes.EpochRaised).ToListAsync()),
            told => told.Message.Contains(fleet.Name, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_report_from_above_raises_the_epoch_above_what_it_shows_and_its_rows_prove_nothing_any_more()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var node = await app.EnrolAsync("n1", fleet.Name);
        await node.ReportAsync(true, domain.Served());
        var sequence = domain.Order.Sequence;

        await node.ReportAsync(50, true, 4, 9, domain.Served());

        Assert.Equal(5, Assert.Single(await BumpsAsync(fleet.Id)).ToEpoch);
        Assert.Empty(await ObservationsAsync(app, node));
        await node.ReportAsync(51, true, 5, 1, domain.Served());
        Assert.Single(await ObservationsAsync(app, node));
        // Numbers that were given out in the forgotten time are not given out again.
        var next = await app.Rows.DomainAsync(fleet.Id);
        Assert.True(next.Order.Sequence > sequence + 1_000_000, $"{sequence} was followed by {next.Order.Sequence}");
    }

    [Fact]
    public async Task A_node_that_makes_up_an_epoch_is_not_believed_and_a_repeated_claim_is_believed_once()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);

        await Assert.ThrowsAsync<HttpRequestException>(() => node.ReportAsync(1, true, long.MaxValue, 0));
        Assert.Empty(await BumpsAsync(fleet.Id));
        await node.ReportAsync(2, true, 1, 5);
        await node.ReportAsync(3, true, 2, 500);
        await node.ReportAsync(4, true, 3, 500);

        Assert.Equal(2, Assert.Single(await BumpsAsync(fleet.Id)).ToEpoch);
        app.Clock.Advance(TimeSpan.FromDays(6));
        await node.ReportAsync(5, true, 3, 500);
        Assert.Single(await BumpsAsync(fleet.Id));
        app.Clock.Advance(TimeSpan.FromDays(1));
        await node.ReportAsync(6, true, 3, 500);
        Assert.Equal(2, (await BumpsAsync(fleet.Id)).Count);
    }

    /// <summary>Fails when one node alone keeps a fleet re-proving, or when two restores in a week leave nodes whose
    /// honest word counts no more.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_second_claim_within_a_week_needs_a_second_node_or_a_moved_database_and_raises_an_alarm(
        bool moved)
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var (node, mate) = (await app.EnrolAsync("n1", fleet.Name), await app.EnrolAsync("n2", fleet.Name));
        await node.ReportAsync(1, true, 1, 5);
        await mate.ReportAsync(1, true, 1, 6);
        app.Clock.Advance(TimeSpan.FromHours(1));
        await node.ReportAsync(2, true, 2, 500);
        await node.ReportAsync(3, true, 2, 501);
        Assert.Single(await BumpsAsync(fleet.Id));
        var told = await app.Rows.ReadAsync(db => db.Events.SingleAsync(
            row => row.Type == EventTypes.NodeDoubted && row.NodeId == node.Id));
        Assert.Contains("Node n1 ", told.Message, StringComparison.Ordinal);

        await using var other = database.DataSource.CreateCommand(moved
            ? "INSERT INTO epoch_bumps (fleet_id, from_epoch, to_epoch, cause, detail, at, database_ends_at,"
                + " collect_after) VALUES ($1, 1, 2, 'OtherCluster', 'A test.', $2, $2, $2)"
            : "UPDATE nodes SET epoch = 2, revision = 400 WHERE fleet_id = $1 AND name = 'n2' AND $2 IS NOT NULL");
        other.Parameters.Add(new() { Value = fleet.Id });
        other.Parameters.Add(new() { Value = app.Clock.GetUtcNow() });
        await other.ExecuteNonQueryAsync();
        await node.ReportAsync(4, true, 2, 502);

        Assert.Equal(2, (await BumpsAsync(fleet.Id)).Count(bump => bump.NodeId == node.Id));
    }

    [Fact]
    public async Task What_this_database_gave_out_itself_raises_nothing()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        await app.Rows.ChangeAsync(await app.Rows.DomainAsync(fleet.Id));
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var node = await app.EnrolAsync("n1", fleet.Name);

        var page = await node.PollAsync();
        await node.PollAsync(page.Cursor);
        await node.ReportAsync(1, true, 0, 0);
        await node.ReportAsync(2, true, page.Epoch, page.Revision);

        Assert.Empty(await BumpsAsync(fleet.Id));
    }

    [Fact]
    public async Task The_nodes_view_tells_alarms_and_freshness_and_the_fleets_view_tells_why_and_what_was_forgotten()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var ends = app.Clock.GetUtcNow().AddDays(9);
        var stray = new StrayName($"late-{fleet.Name}.example.com", new string('a', 64), ends);
        await node.ReportAsync(1, true, 1, 5);
        var report = new ObservedStateReport(2, 2, 0, true, null, "1.0", [])
        {
            FreshAt = app.Clock.GetUtcNow(),
            Alarms = [new NodeAlarm(NodeAlarmCodes.AnswerOlder, "It answered with less.")],
            Strays = new StrayNames(1, [stray]),
        };
        await node.ReportAsync(report);

        var view = await ReadAsync(app, $"/v1/nodes/{node.Id}");
        Assert.Equal("answer-older", view.GetProperty("alarms")[0].GetProperty("code").GetString());
        Assert.Equal(1, view.GetProperty("strays").GetInt32());
        Assert.NotEqual(JsonValueKind.Null, view.GetProperty("freshAt").ValueKind);
        var fleets = (await ReadAsync(app, "/v1/fleets?limit=200")).GetProperty("items").EnumerateArray();
        var raised = Assert.Single(fleets, row => row.GetProperty("name").GetString() == fleet.Name);
        Assert.Equal("nodeAhead", raised.GetProperty("raised").GetProperty("cause").GetString());
        Assert.Equal(1, raised.GetProperty("strays").GetInt32());
        var lost = (await ReadAsync(app, $"/v1/fleets/{fleet.Id}/strays")).GetProperty("items");
        Assert.Equal(stray.Hostname, Assert.Single(lost.EnumerateArray()).GetProperty("hostname").GetString());

        await node.ReportAsync(report with { ReportNumber = 3, Alarms = [], Strays = new StrayNames(0, []) });
        view = await ReadAsync(app, $"/v1/nodes/{node.Id}");
        Assert.Equal((0, 0), (view.GetProperty("alarms").GetArrayLength(), view.GetProperty("strays").GetInt32()));
        var told = await app.Rows.ReadAsync(db => db.Events
            .Where(row => row.Type == EventTypes.NodeAlarm || row.Type == EventTypes.NodeAlarmOver)
            .OrderBy(row => row.Id).Select(row => row.Type).ToListAsync());
        Assert.Equal([EventTypes.NodeAlarm, EventTypes.NodeAlarmOver], told);
    }

    private static async Task<JsonElement> ReadAsync(NodesApp app, string path)
    {
        using var answer = await app.AdminAsync(HttpMethod.Get, path);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static Task<List<NodeObservation>> ObservationsAsync(NodesApp app, TestNode node) =>
        app.Rows.ReadAsync(db => db.NodeObservations.Where(row => row.NodeId == node.Id).ToListAsync());

    private async Task<List<EpochBump>> BumpsAsync(Guid fleet)
    {
        await using var db = database.Open();
        return await db.EpochBumps.Where(bump => bump.FleetId == fleet).ToListAsync();
    }
}
