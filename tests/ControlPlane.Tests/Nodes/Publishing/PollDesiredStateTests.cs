using System.Net;
using ControlPlane.Contracts;
using ControlPlane.Nodes.Publishing;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Nodes.Publishing;

public sealed class PollDesiredStateTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_waiting_agent_is_woken_by_what_another_replica_publishes()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var domain = await app.Rows.DomainAsync(fleet.Id);
        var empty = await node.PollAsync();
        var poll = node.PollAsync(empty.Cursor, Routes.MaxWaitSeconds);

        // Another replica: the same database, none of this program's waiters.
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);

        var page = await poll.WaitAsync(Eventually.Deadline);
        Assert.Equal(domain.Bundle.Fingerprint, Assert.Single(page.Upserts).Fingerprint);
        Assert.False(page.More);
    }

    [Fact]
    public async Task A_change_is_published_on_a_wake_and_reaches_the_waiting_agent()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var domain = await app.Rows.DomainAsync(fleet.Id);
        var poll = node.PollAsync((await node.PollAsync()).Cursor, Routes.MaxWaitSeconds);

        await app.Rows.ChangeAsync(domain, withdraw: true);
        app.App.Services.GetRequiredService<ControlPlane.Nodes.IDesiredStatePublisher>().Wake();

        var page = await poll.WaitAsync(Eventually.Deadline);
        Assert.Equal(domain.Domain.Hostname, Assert.Single(page.Tombstones).Hostname);
    }

    [Fact]
    public async Task Waiting_agents_are_answered_when_the_program_stops()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);
        var empty = await node.PollAsync();
        var poll = node.PollAsync(empty.Cursor, Routes.MaxWaitSeconds);

        await app.App.StopAsync().WaitAsync(Eventually.Deadline);

        var page = await poll.WaitAsync(Eventually.Deadline);
        Assert.Empty(page.Upserts);
        Assert.Equal(empty.Cursor, page.Cursor);
    }

    [Fact]
    public async Task A_fleet_reads_its_own_state_only_and_the_full_list_has_its_tombstones()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (mine, theirs) = (await app.Rows.FleetAsync(), await app.Rows.FleetAsync());
        var node = await app.EnrolAsync("n1", mine.Name);
        var (served, gone, foreign) = (await app.Rows.DomainAsync(mine.Id), await app.Rows.DomainAsync(mine.Id),
            await app.Rows.DomainAsync(theirs.Id));
        await app.Rows.ChangeAsync(served);
        await app.Rows.ChangeAsync(gone, withdraw: true);
        await app.Rows.ChangeAsync(foreign);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);

        var page = await node.PollAsync();
        Assert.Equal(served.Id, Assert.Single(page.Upserts).Domain);
        Assert.Equal(gone.Id, Assert.Single(page.Tombstones).Domain);
    }

    [Fact]
    public async Task Strange_cursors_are_told_apart()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);
        (string Cursor, HttpStatusCode Status)[] table =
        [
            ("garbage", HttpStatusCode.BadRequest),
            (new string('A', 300), HttpStatusCode.BadRequest),
            (new DesiredStateCursor(1, 0, Guid.AllBitsSet).ToString(), HttpStatusCode.OK),
            // Above ours: from now on it is epoch 2, and what was said in 1 is gone.
            (new DesiredStateCursor(1, 7, Guid.AllBitsSet).ToString(), HttpStatusCode.Gone),
            (new DesiredStateCursor(1, 0, Guid.AllBitsSet).ToString(), HttpStatusCode.Gone),
            (new DesiredStateCursor(2, 0, Guid.AllBitsSet).ToString(), HttpStatusCode.OK),
        ];
        foreach (var (cursor, status) in table)
        {
            using var answer = await node.SendAsync("GET", $"{Routes.DesiredState}?since={cursor}");
            Assert.Equal(status, answer.StatusCode);
        }
    }
}
