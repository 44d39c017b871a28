using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Banning;
using ControlPlane.Nodes.Proving;
using ControlPlane.Nodes.Publishing;
using ControlPlane.Tests.Audit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlPlane.Tests.Nodes.Banning;

public sealed class BanTests(RestrictedDatabase database) : IClassFixture<RestrictedDatabase>
{
    /// <summary>Fails when a waiting poll is not woken by a ban, when it is answered without asking for its key again,
    /// when a replica does not hear of it, or when a route of the agents does not refuse.</summary>
    [Fact]
    public async Task A_ban_ends_the_calls_that_wait_and_refuses_every_route_here_and_on_another_replica()
    {
        await using var app = await NodesApp.StartAsync(database);
        await using var replica = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("stolen", fleet.Name);
        var mate = await app.EnrolAsync("mate", fleet.Name);
        var there = new TestNode(replica.Http, replica.Clock, "stolen") { SigningKey = node.SigningKey };
        var domain = await app.Rows.DomainAsync(fleet.Id, app.Vault.Add([1]));
        var target = $"{Routes.DesiredState}?wait={Routes.MaxWaitSeconds}&since={(await node.PollAsync()).Cursor}";
        var waitingHere = await WaitingAsync(node, target);
        var waitingThere = await WaitingAsync(there, target);

        using var ban = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/ban");

        Assert.Equal(HttpStatusCode.OK, ban.StatusCode);
        using var endedHere = await waitingHere.WaitAsync(Eventually.Deadline);
        using var endedThere = await waitingThere.WaitAsync(Eventually.Deadline);
        Assert.Equal(HttpStatusCode.Unauthorized, endedHere.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, endedThere.StatusCode);
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        foreach (var caller in new[] { node, there })
        {
            using var poll = await caller.SendAsync("GET", Routes.DesiredState);
            using var fetch = await caller.FetchAsync([domain.Id]);
            using var report = await caller.SendAsync("PUT", Routes.ObservedState, "{}"u8.ToArray());
            Assert.All([poll, fetch, report], answer =>
                Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode));
        }

        Assert.Single((await mate.FetchedAsync([domain.Id])).Bundles);
        Assert.Equal(0, await ReleasesAsync(app, node.Id));
    }

    /// <summary>Fails when a release looks at the ban before its turn instead of while it holds the node's
    /// row.</summary>
    [Fact]
    public async Task A_fetch_under_way_when_the_ban_comes_releases_nothing()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var domain = await app.Rows.DomainAsync(fleet.Id, app.Vault.Add([1, 2, 3]));
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var turn = new NpgsqlCommand(
            $"SELECT pg_advisory_xact_lock(hashtextextended('release:{node.Id}', 0))", connection))
        {
            await turn.ExecuteNonQueryAsync();
        }

        // It has opened the key and sealed it for the node by now.
        var fetch = node.FetchAsync([domain.Id]);
        await Eventually.TrueAsync(() => IsTrueAsync(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"));
        using var ban = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/ban", new { rekey = true });
        await transaction.CommitAsync();

        using var answer = await fetch.WaitAsync(Eventually.Deadline);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.DoesNotContain("sealedKey", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await ReleasesAsync(app, node.Id));
    }

    /// <summary>Fails when ban and record are one transaction, when nobody comes back to what is owed, or when a rekey
    /// that is owed is called finished.</summary>
    [Fact]
    public async Task A_fault_in_recording_what_to_replace_leaves_the_ban_and_is_made_up_for()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var domain = await app.Rows.DomainAsync(fleet.Id, app.Vault.Add([1]));
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await node.FetchedAsync([domain.Id]);
        var sweep = ActivatorUtilities.CreateInstance<RekeySweep>(app.App.Services);

        await OwnerAsync("ALTER TABLE replacements ADD CONSTRAINT fault CHECK (false) NOT VALID");
        try
        {
            using var ban = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/ban", new { rekey = true });
            Assert.Equal(HttpStatusCode.OK, ban.StatusCode);
            await sweep.RunAsync(default);
        }
        finally
        {
            await OwnerAsync("ALTER TABLE replacements DROP CONSTRAINT fault");
        }

        using var refused = await node.FetchAsync([domain.Id]);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        var owed = await ReadAsync(app, $"/v1/nodes/{node.Id}/rekey");
        Assert.Equal((true, false, "0"),
            (owed["askedAt"] is not null, owed["finishedAt"] is not null, $"{owed["total"]}"));

        await sweep.RunAsync(default);

        Assert.Equal("1", $"{(await ReadAsync(app, $"/v1/nodes/{node.Id}/rekey"))["total"]}");
        var events = await ReadAsync(app, $"/v1/nodes/{node.Id}/events");
        Assert.Single(events["items"]!.AsArray(), item => $"{item!["type"]}" == EventTypes.RekeyAsked);
    }

    [Fact]
    public async Task A_banned_node_is_in_no_proof_and_tokens_are_not_fetched_through_it()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var (stolen, mate) = (await app.EnrolAsync("n1", fleet.Name), await app.EnrolAsync("n2", fleet.Name));
        await stolen.ReportAsync(synced: true);
        await mate.ReportAsync(synced: true);

        using var ban = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{stolen.Id}/ban");

        await using var db = database.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        Assert.Equal([mate.Id], (await FleetLock.NodesAsync(db, fleet.Id, default)).Select(node => node.Id));
        Assert.Equal([mate.Id], (await ServingNodes.ReadAsync(db, fleet.Id, default)).Select(node => node.Id));
    }

    [Fact]
    public async Task What_happened_to_a_node_is_told_once_each()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);
        await node.ReportAsync(synced: true);
        var asked = new { rekey = true, reason = "Disk stolen." };
        foreach (var (route, body) in new (string, object?)[]
        {
            ("drain", null), ("drain", null), ("retire", null), ("ban", null), ("ban", asked), ("ban", asked),
        })
        {
            using var answer = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/{route}", body);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        var events = await ReadAsync(app, $"/v1/nodes/{node.Id}/events");
        Assert.Equal(
            [
                EventTypes.NodeEnrolled, EventTypes.NodeServing, EventTypes.NodeDraining, EventTypes.NodeRetired,
                EventTypes.NodeBanned, EventTypes.RekeyAsked,
            ],
            events["items"]!.AsArray().Select(item => $"{item!["type"]}"));
        Assert.All(events["items"]!.AsArray(), item => Assert.Equal($"{node.Id}", $"{item!["node"]}"));
        var rekey = await ReadAsync(app, $"/v1/nodes/{node.Id}/rekey");
        Assert.Equal(("Disk stolen.", "0"), ($"{rekey["banReason"]}", $"{rekey["total"]}"));
    }

    [Fact]
    public async Task A_ban_that_cannot_be_understood_bans_nobody()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);
        foreach (var body in new object[] { new { reason = new string('x', 501) }, new { rekeys = true } })
        {
            using var refused = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/ban", body);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }

        using var unknown = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{Guid.NewGuid()}/ban");
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        Assert.Equal(
            NodeStanding.Joining,
            await app.Rows.ReadAsync(db => db.Nodes.Where(row => row.Id == node.Id).Select(row => row.Standing)
                .SingleAsync()));
    }

    /// <summary>Starts a long poll and returns once it has read its page and waits.</summary>
    private async Task<Task<HttpResponseMessage>> WaitingAsync(TestNode node, string target)
    {
        var since = await NowAsync();
        var poll = node.SendAsync("GET", target);
        await Eventually.TrueAsync(() => IsTrueAsync(
            $"""
             SELECT EXISTS (
                 SELECT 1 FROM pg_stat_activity
                 WHERE datname = current_database() AND state = 'idle' AND query_start > '{since:O}'
                   AND query LIKE 'SELECT fleet.epoch, fleet.revision%')
             """));
        Assert.False(poll.IsCompleted);
        return poll;
    }

    private async Task OwnerAsync(string sql)
    {
        await using var command = database.Owner.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<DateTime> NowAsync()
    {
        await using var clock = database.DataSource.CreateCommand("SELECT clock_timestamp()");
        return (DateTime)(await clock.ExecuteScalarAsync())!;
    }

    private async Task<bool> IsTrueAsync(string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync() is true;
    }

    private static Task<int> ReleasesAsync(NodesApp app, Guid node) =>
        app.Rows.ReadAsync(rows => rows.BundleReleases.CountAsync(row => row.NodeId == node));

    private static async Task<JsonNode> ReadAsync(NodesApp app, string path)
    {
        using var answer = await app.AdminAsync(HttpMethod.Get, path);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
    }
}
