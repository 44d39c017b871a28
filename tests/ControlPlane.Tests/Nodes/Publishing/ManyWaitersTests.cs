using System.Diagnostics.Metrics;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using ControlPlane.Contracts;
using ControlPlane.Metrics;
using ControlPlane.Nodes.Publishing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlPlane.Tests.Nodes.Publishing;

/// <summary>What many waiting agents cost.</summary>
public sealed class ManyWaitersTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const int Many = 25;
    private const string PageQuery = "page.domain_id";
    private const string KeyQuery = "signing_key_id";

    [Fact]
    public async Task Agents_that_wait_together_share_their_queries_when_woken_and_when_their_time_is_over()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var nodes = new List<TestNode>();
        for (var n = 0; n < Many; n++)
        {
            nodes.Add(await app.EnrolAsync($"n{n}", fleet.Name));
            await nodes[^1].PollAsync();
        }

        var domain = await app.Rows.DomainAsync(fleet.Id);
        var waiters = app.App.Services.GetRequiredService<DesiredStateWaiters>();
        using var queries = new CountedQueries(new NpgsqlConnectionStringBuilder(database.ConnectionString).Database!);
        var cursor = (await nodes[0].PollAsync()).Cursor;
        Assert.NotEqual(0, queries.Of(PageQuery));

        // Their time is over: a query at the start for all of them (more on a machine so slow that they come seconds
        // apart), and none at the end.
        queries.Clear();
        await Task.WhenAll(nodes.Select(node => node.PollAsync(cursor, wait: 3)));
        Assert.InRange(queries.Of(PageQuery) + queries.Of(KeyQuery), 1, Many / 2);

        // Woken by a change.
        var polls = nodes.Select(node => node.PollAsync(cursor, Routes.MaxWaitSeconds)).ToList();
        await Eventually.TrueAsync(() => Task.FromResult(waiters.Waiting == Many));
        using var metrics = new PrometheusText();
        Assert.Contains($"controlplane_desired_state_waiting {Many}\n", metrics.Write(), StringComparison.Ordinal);
        queries.Clear();
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var pages = await Task.WhenAll(polls).WaitAsync(Eventually.Deadline);
        Assert.All(pages, page => Assert.Equal(domain.Id, Assert.Single(page.Upserts).Domain));
        Assert.InRange(queries.Of(PageQuery), 1, 3);
        Assert.InRange(queries.Of(KeyQuery), 0, 3);
        Assert.Equal(0, waiters.Waiting);
    }

    [Fact]
    public async Task A_page_is_shared_until_the_next_change_and_who_does_not_wait_sees_this_moment()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = (await app.Rows.FleetAsync()).Id;
        var (pages, waiters) = (app.App.Services.GetRequiredService<SharedPages>(),
            app.App.Services.GetRequiredService<DesiredStateWaiters>());
        var change = waiters.NextChange(fleet);

        var first = await ReadAsync(waits: true);
        Assert.Same(first, await ReadAsync(waits: true));
        Assert.NotSame(first, await ReadAsync(waits: false));
        var second = await ReadAsync(waits: true);
        app.Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.NotSame(second, await ReadAsync(waits: true));
        var third = await ReadAsync(waits: true);
        waiters.Wake(fleet);
        Assert.True(change.Happened.IsCompleted);
        change = waiters.NextChange(fleet);
        Assert.NotSame(third, await ReadAsync(waits: true));

        Task<SharedPage?> ReadAsync(bool waits) => pages.ReadAsync(change, fleet, null, null, waits, default);
    }

    [Fact]
    public void A_revision_that_was_told_wakes_nobody_twice()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var waiters = new DesiredStateWaiters(
            Microsoft.Extensions.Options.Options.Create(new ControlPlane.Nodes.NodeOptions()),
            services.GetRequiredService<IMeterFactory>());
        var fleet = Guid.NewGuid();
        (long Epoch, long Revision, bool Wakes)[] table =
            [(1, 5, true), (1, 5, false), (1, 4, false), (1, 6, true), (2, 1, true), (1, 7, false)];
        foreach (var (epoch, revision, wakes) in table)
        {
            var change = waiters.NextChange(fleet);
            waiters.Wake(fleet, epoch, revision);
            Assert.Equal(wakes, change.Happened.IsCompleted);
        }
    }

    [Fact]
    public async Task Who_finds_no_seat_is_sent_away_for_a_while_and_news_need_no_seat()
    {
        await using var app = await NodesApp.StartAsync(database, "Nodes:MaxWaiting=1");
        var fleet = await app.Rows.FleetAsync();
        var (one, two) = (await app.EnrolAsync("n1", fleet.Name), await app.EnrolAsync("n2", fleet.Name));
        var waiters = app.App.Services.GetRequiredService<DesiredStateWaiters>();
        var cursor = (await one.PollAsync()).Cursor;
        var poll = one.PollAsync(cursor, Routes.MaxWaitSeconds);
        await Eventually.TrueAsync(() => Task.FromResult(waiters.Waiting == 1));

        using (var full = await two.SendAsync("GET", $"{Routes.DesiredState}?wait=50&since={cursor}"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, full.StatusCode);
            Assert.InRange(full.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 5, 15);
        }

        Assert.Equal(1, waiters.Waiting);
        await app.Rows.ChangeAsync(await app.Rows.DomainAsync(fleet.Id));
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        Assert.Single((await poll.WaitAsync(Eventually.Deadline)).Upserts);
        Assert.Single((await two.PollAsync(cursor, Routes.MaxWaitSeconds)).Upserts);
        Assert.Equal(0, waiters.Waiting);
    }

    [Fact]
    public async Task One_node_takes_no_more_seats_than_its_share()
    {
        await using var app = await NodesApp.StartAsync(database, "Nodes:MaxWaiting=10");
        var fleet = await app.Rows.FleetAsync();
        var (greedy, other) = (await app.EnrolAsync("n1", fleet.Name), await app.EnrolAsync("n2", fleet.Name));
        var waiters = app.App.Services.GetRequiredService<DesiredStateWaiters>();
        var cursor = (await other.PollAsync()).Cursor;
        var target = $"{Routes.DesiredState}?wait=50&since={cursor}";

        var polls = Enumerable.Range(0, 12).Select(_ => greedy.SendAsync("GET", target)).ToList();
        await Eventually.TrueAsync(() => Task.FromResult(polls.Count(poll => poll.IsCompleted) == 8));
        var poll = other.PollAsync(cursor, Routes.MaxWaitSeconds);
        await Eventually.TrueAsync(() => Task.FromResult(waiters.Waiting == 5));
        await app.Rows.ChangeAsync(await app.Rows.DomainAsync(fleet.Id));
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);

        Assert.Single((await poll.WaitAsync(Eventually.Deadline)).Upserts);
        var answers = await Task.WhenAll(polls).WaitAsync(Eventually.Deadline);
        Assert.Equal(8, answers.Count(answer => answer.StatusCode == HttpStatusCode.ServiceUnavailable));
        Assert.Equal(0, waiters.Waiting);
    }

    [Theory]
    [InlineData("br", "br")]
    [InlineData("gzip, deflate, br;q=0.5", "br")]
    [InlineData("gzip", "gzip")]
    [InlineData("br;q=0, gzip", "gzip")]
    [InlineData("identity", null)]
    [InlineData(null, null)]
    public async Task A_page_is_compressed_as_its_reader_asks(string? accept, string? encoding)
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        await app.Rows.ChangeAsync(domain);
        await app.Rows.ManyAsync(domain.Id, 99);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var node = await app.EnrolAsync("n1", fleet.Name);
        using var request = new HttpRequestMessage(HttpMethod.Get, Routes.DesiredState);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Bearer", node.Sign(node.Claims("GET", Routes.DesiredState, [])));
        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept-Encoding", accept);
        }

        using var answer = await app.Http.SendAsync(request);

        answer.EnsureSuccessStatusCode();
        Assert.Equal(encoding, answer.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Equal("Accept-Encoding", answer.Headers.Vary.Single());
        await using var body = await answer.Content.ReadAsStreamAsync();
        await using Stream plain = encoding switch
        {
            "br" => new BrotliStream(body, CompressionMode.Decompress),
            "gzip" => new GZipStream(body, CompressionMode.Decompress),
            _ => body,
        };
        var page = await JsonSerializer.DeserializeAsync(plain, ContractsJson.Default.DesiredStatePage);
        Assert.Equal(100, page!.Upserts.Count);
        Assert.Equal(encoding is not null, answer.Content.Headers.ContentLength < 20_000);
    }
}
