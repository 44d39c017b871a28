using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts;
using ControlPlane.Nodes.Digests;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlPlane.Tests.Nodes.Digests;

public sealed class CompareDigestsTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_record_that_is_right_differs_nowhere_and_tombstones_are_no_part_of_it()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, page) = await FleetAsync(app, served: 3, withdrawn: 1);

        var answer = await AskAsync(node, page, page.Upserts);

        Assert.Equal((page.Epoch, page.Revision, 0), (answer.Epoch, answer.Revision, answer.Differing));
        Assert.Empty(answer.Buckets);
        Assert.Empty(answer.Domains);
    }

    [Fact]
    public async Task A_forgotten_row_a_wrong_one_and_a_stray_are_found_and_nothing_else_is_sent()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, page) = await FleetAsync(app, served: 4);
        var rows = page.Upserts;
        var stray = rows[0] with { Domain = Guid.CreateVersion7() };

        var answer = await AskAsync(
            node, page,
            [rows[0], rows[1] with { Fingerprint = rows[0].Fingerprint }, rows[2] with { Revision = 7 }, stray]);

        int[] buckets =
        [
            .. rows.Skip(1).Append(stray).Select(row => StateDigest.BucketOf(row.Domain)).Distinct().Order(),
        ];
        Assert.Equal(buckets, answer.Buckets);
        Assert.Equal(buckets.Length, answer.Differing);
        Assert.Equal(
            rows.Where(row => buckets.Contains(StateDigest.BucketOf(row.Domain))).OrderBy(row => row.Domain),
            answer.Domains.OrderBy(row => row.Domain));
    }

    [Fact]
    public async Task Who_asks_again_and_again_where_it_differs_is_told_once_a_second_and_who_agrees_is_not_slowed()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, page) = await FleetAsync(app, served: 1);
        var differs = new DigestRequest(page.Epoch, page.Revision, Bytes([]));
        var (told, turnedAway) = (0, 0);
        for (var call = 0; call < 1000 && turnedAway == 0; call++)
        {
            using var answer = await SendAsync(node, differs);
            (told, turnedAway) = answer.StatusCode == HttpStatusCode.TooManyRequests ? (told, 1) : (told + 1, 0);
        }

        Assert.Equal(1, turnedAway);
        Assert.True(told >= 60);
        Assert.Equal(0, (await AskAsync(node, page, page.Upserts)).Differing);
    }

    [Fact]
    public async Task An_answer_holds_whole_buckets_and_counts_those_left_out()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, page) = await FleetAsync(app, served: 1);
        await app.Rows.ManyAsync(page.Upserts[0].Domain, StateDigest.MaxRows + 500);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var now = await node.PollAsync();

        var answer = await AskAsync(node, now, []);

        Assert.InRange(answer.Domains.Count, StateDigest.MaxRows / 2, StateDigest.MaxRows);
        Assert.InRange(answer.Buckets.Count, 1, answer.Differing - 1);
        Assert.All(answer.Domains, row => Assert.Contains(StateDigest.BucketOf(row.Domain), answer.Buckets));
        var all = await ListAsync(node);
        Assert.Equal(
            all.Where(row => answer.Buckets.Contains(StateDigest.BucketOf(row.Domain))).OrderBy(row => row.Domain),
            answer.Domains.OrderBy(row => row.Domain));
    }

    [Fact]
    public async Task Another_epoch_is_not_compared_and_a_position_above_ours_is_no_history_of_ours()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, page) = await FleetAsync(app, served: 1);

        using var ahead = await SendAsync(node, new DigestRequest(page.Epoch, page.Revision + 5, Bytes([])));
        Assert.Equal(HttpStatusCode.Gone, ahead.StatusCode);

        // The epoch is raised now, as it is for a poll.
        var answer = await AskAsync(node, page, []);
        Assert.Equal((page.Epoch + 1, 0), (answer.Epoch, answer.Differing));
        Assert.Empty(answer.Domains);
    }

    [Fact]
    public async Task What_is_published_while_a_record_is_compared_is_not_shown_before_its_release()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, page) = await FleetAsync(app, served: 1);
        Assert.Equal("Draining", await DrainAsync(app, node));
        var held = await app.Rows.DomainAsync(node.Identity.Fleet);
        await app.Rows.ChangeAsync(held);
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        // The question has been let in, and waits for the rows.
        await using (var hold = new NpgsqlCommand("LOCK TABLE desired_state IN ACCESS EXCLUSIVE MODE", connection))
        {
            await hold.ExecuteNonQueryAsync();
        }

        var asked = AskAsync(node, page, []);
        await Eventually.TrueAsync(() => app.Rows.ReadAsync(rows => rows.Database.SqlQuery<bool>(
            $"""SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted) AS "Value" """).SingleAsync()));
        await using (var pause = new NpgsqlCommand("UPDATE fleets SET rollout = 'Paused' WHERE id = $1", connection))
        {
            pause.Parameters.Add(new() { Value = node.Identity.Fleet });
            await pause.ExecuteNonQueryAsync();
        }

        await PublishBatch.TakeAsync(connection, node.Identity.Fleet, app.Clock.GetUtcNow(), default);
        await transaction.CommitAsync();

        Assert.DoesNotContain((await asked).Domains, row => row.Domain == held.Id);
    }

    [Theory]
    [InlineData("""{"epoch":1,"revision":1,"buckets":"AAAA"}""", "buckets")]
    [InlineData("""{"epoch":1,"revision":1,"buckets":""}""", "buckets")]
    [InlineData("""{"epoch":1,"revision":-1,"buckets":""}""", "revision")]
    public async Task A_malformed_digest_names_the_field(string body, string field)
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);

        using var answer = await node.SendAsync(
            "POST", Routes.Digests, System.Text.Encoding.UTF8.GetBytes(body));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonObject>();
        Assert.Contains(field, problem!["errors"]!.AsArray().Select(error => error!["field"]!.ToString()));
    }

    [Fact]
    public async Task Nodes_that_ask_at_once_share_one_computation_and_a_node_further_on_gets_a_new_one()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, page) = await FleetAsync(app, served: 1);
        var digests = app.App.Services.GetRequiredService<FleetDigests>();
        var (fleet, now) = (node.Identity.Fleet, new FleetPosition(page.Epoch, page.Revision));

        var together = await Task.WhenAll(
            Enumerable.Range(0, 50).Select(_ => digests.ReadAsync(fleet, page.Revision, now, default)));
        Assert.Single(together.Distinct());
        Assert.Same(together[0], await digests.ReadAsync(fleet, page.Revision, now, default));

        await app.Rows.ChangeAsync(await app.Rows.DomainAsync(fleet));
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var later = now with { Revision = now.Revision + 1 };
        // Still at the old position: what was computed for it holds all that it can have recorded.
        Assert.Same(together[0], await digests.ReadAsync(fleet, page.Revision, later, default));
        Assert.Equal(later, (await digests.ReadAsync(fleet, later.Revision, later, default)).At);
    }

    private async Task<(TestNode Node, DesiredStatePage Page)> FleetAsync(
        NodesApp app, int served, int withdrawn = 0)
    {
        var fleet = await app.Rows.FleetAsync();
        for (var n = 0; n < served + withdrawn; n++)
        {
            await app.Rows.ChangeAsync(await app.Rows.DomainAsync(fleet.Id), withdraw: n >= served);
        }

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var node = await app.EnrolAsync("n1", fleet.Name);
        return (node, await node.PollAsync());
    }

    /// <summary>A node that joins may read all there is; one that is drained may not.</summary>
    private static async Task<string> DrainAsync(NodesApp app, TestNode node)
    {
        using var answer = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/drain");
        answer.EnsureSuccessStatusCode();
        return (await node.ReportAsync(synced: true)).Standing;
    }

    private static async Task<List<DesiredDomain>> ListAsync(TestNode node)
    {
        var page = await node.PollAsync();
        var all = page.Upserts.ToList();
        while (page.More)
        {
            page = await node.PollAsync(page.Cursor);
            all.AddRange(page.Upserts);
        }

        return all;
    }

    private static async Task<DigestAnswer> AskAsync(
        TestNode node, DesiredStatePage at, IEnumerable<DesiredDomain> recorded)
    {
        using var answer = await SendAsync(node, new DigestRequest(at.Epoch, at.Revision, Bytes(recorded)));
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.DigestAnswer))!;
    }

    private static Task<HttpResponseMessage> SendAsync(TestNode node, DigestRequest request) => node.SendAsync(
        "POST",
        Routes.Digests,
        JsonSerializer.SerializeToUtf8Bytes(request, ContractsJson.Default.DigestRequest));

    private static byte[] Bytes(IEnumerable<DesiredDomain> rows)
    {
        var digest = new StateDigest();
        foreach (var row in rows)
        {
            digest.Toggle(row.Domain, row.Revision, row.Fingerprint);
        }

        return digest.ToBytes();
    }
}
