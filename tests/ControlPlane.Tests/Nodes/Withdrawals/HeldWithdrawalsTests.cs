using System.Net;
using System.Net.Http.Json;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Nodes.Publishing;
using ControlPlane.Nodes.Withdrawals;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Withdrawals;

public sealed class HeldWithdrawalsTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_mass_withdrawal_is_held_until_an_admin_approves_what_he_has_seen()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (fleet, node, _) = await FleetAsync(app, served: 40);
        await app.Rows.WithdrawAsync(fleet, 25, app.Clock.GetUtcNow());
        await PublishAsync(app);

        var before = await node.PollAsync();
        Assert.Equal((20, 20), (before.Tombstones.Count, before.Upserts.Count));
        Assert.All(before.Tombstones, tombstone => Assert.Null(tombstone.Approval));
        var list = await ListAsync(app, fleet);
        Assert.Equal((5, 20, 5), (list.Held, list.AllowedPerHour, list.Items.Count));
        Assert.Superset(
            list.Items.Select(item => item.Domain).ToHashSet(), before.Upserts.Select(row => row.Domain).ToHashSet());

        using var without = await app.AdminAsync(
            HttpMethod.Post, $"/v1/fleets/{fleet}/withdrawals/approve", new { reason = "In a hurry." });
        Assert.Equal(HttpStatusCode.BadRequest, without.StatusCode);
        Assert.Contains("heldUntil is missing", await without.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        // What was held after he looked is not approved with it.
        var heldUntil = list.HeldUntil!.Value;
        Assert.Equal(new ApprovedWithdrawals(null, 0), await ApproveAsync(app, fleet, heldUntil.AddSeconds(-1)));
        var approved = await ApproveAsync(app, fleet, heldUntil);
        Assert.Equal(5, approved.Approved);
        await PublishAsync(app);

        var after = await ReadAllAsync(node, before.Cursor);
        Assert.Equal(
            list.Items.Select(item => item.Domain).Order(), after.Select(tombstone => tombstone.Domain).Order());
        Assert.All(after, tombstone => Assert.Equal(approved.Approval.ToString(), tombstone.Approval));
        Assert.All(after, tombstone => Assert.Equal(list.Items[0].WithdrawnAt, tombstone.WithdrawnAt));
        Assert.Equal(0, (await ListAsync(app, fleet)).Held);
        Assert.Equal(1, await EventsAsync(app, fleet, EventTypes.WithdrawalsHeld));
        Assert.Equal(1, await EventsAsync(app, fleet, EventTypes.WithdrawalsApproved));

        // Approved ones do not count: the hour's allowance is what it was.
        await app.Rows.WithdrawAsync(fleet, 1, app.Clock.GetUtcNow());
        await PublishAsync(app);
        Assert.Equal(1, (await ListAsync(app, fleet)).Held);
    }

    [Fact]
    public async Task What_is_held_stays_held_when_the_hour_is_over_and_later_ones_go()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (fleet, node, _) = await FleetAsync(app, served: 40);
        await app.Rows.WithdrawAsync(fleet, 22, app.Clock.GetUtcNow());
        await PublishAsync(app);

        app.Clock.Advance(TimeSpan.FromMinutes(61));
        await app.Rows.WithdrawAsync(fleet, 10, app.Clock.GetUtcNow());
        await PublishAsync(app);

        Assert.Equal(2, (await ListAsync(app, fleet)).Held);
        Assert.Equal(30, (await node.PollAsync()).Tombstones.Count);
    }

    [Fact]
    public async Task Bundles_pass_by_withdrawals_that_are_held()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (fleet, node, _) = await FleetAsync(app, served: 22);
        await app.Rows.WithdrawAsync(fleet, 22, app.Clock.GetUtcNow());
        var added = await app.Rows.DomainAsync(fleet);
        await app.Rows.ChangeAsync(added);
        await PublishAsync(app);

        var page = await node.PollAsync();

        Assert.Equal((20, 3), (page.Tombstones.Count, page.Upserts.Count));
        Assert.Contains(page.Upserts, row => row.Domain == added.Id);
    }

    [Fact]
    public async Task A_name_that_is_handed_over_is_not_held_and_changes_hands_in_one_revision()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (fleet, node, last) = await FleetAsync(app, served: 40);
        await app.Rows.WithdrawAsync(fleet, 20, app.Clock.GetUtcNow().AddMinutes(-1));
        await PublishAsync(app);
        var loser = (await node.PollAsync()).Upserts.First(row => row.Domain != last.Id);
        var winner = await app.Rows.DomainAsync(fleet);
        await using (var db = database.Open())
        {
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)
                 VALUES ({loser.Domain}, {fleet}, {loser.Hostname}, NULL, 9, {app.Clock.GetUtcNow().ToUniversalTime()}),
                        ({winner.Id}, {fleet}, {loser.Hostname}, {winner.Bundle.Id}, 9,
                         {app.Clock.GetUtcNow().ToUniversalTime()})
                 """);
        }

        await PublishAsync(app);

        var page = await node.PollAsync();
        var gone = Assert.Single(page.Tombstones, tombstone => tombstone.Domain == loser.Domain);
        Assert.Equal(gone.Revision, Assert.Single(page.Upserts, row => row.Domain == winner.Id).Revision);
        Assert.Equal(0, (await ListAsync(app, fleet)).Held);
    }

    [Fact]
    public async Task What_a_replica_with_a_slow_clock_held_after_he_looked_is_not_approved_with_it()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (fleet, _, _) = await FleetAsync(app, served: 40);
        var now = app.Clock.GetUtcNow();
        await app.Rows.WithdrawAsync(fleet, 22, now);
        await PublishAsync(app);
        var seen = await ListAsync(app, fleet);
        Assert.Equal(2, seen.Held);
        await app.Rows.WithdrawAsync(fleet, 3, now);
        await using (var connection = await database.DataSource.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await PublishBatch.TakeAsync(connection, fleet, now.AddMinutes(-1), default);
            await transaction.CommitAsync();
        }

        var approved = await ApproveAsync(app, fleet, seen.HeldUntil!.Value);

        Assert.Equal(2, approved.Approved);
        Assert.Equal(3, (await ListAsync(app, fleet)).Held);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_name_never_changes_hands_by_halves(bool isFormerOwnersLocked)
    {
        await using var app = await NodesApp.StartAsync(database);
        var (fleet, node, former) = await FleetAsync(app, served: 1);
        var winner = await app.Rows.DomainAsync(fleet);
        await using (var db = database.Open())
        {
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)
                 VALUES ({former.Id}, {fleet}, {former.Domain.Hostname}, NULL, 9, now()),
                        ({winner.Id}, {fleet}, {former.Domain.Hostname}, {winner.Bundle.Id}, 9, now())
                 """);
        }

        var before = await node.PollAsync();
        await using (var other = database.Open())
        await using (await other.Database.BeginTransactionAsync())
        {
            var locked = isFormerOwnersLocked ? former.Id : winner.Id;
            await other.Database.ExecuteSqlAsync(
                $"SELECT 1 FROM desired_changes WHERE domain_id = {locked} FOR UPDATE");
            await PublishAsync(app);
            Assert.Equal(before.Revision, (await node.PollAsync()).Revision);
        }

        await PublishAsync(app);

        var page = await node.PollAsync(before.Cursor);
        Assert.Equal(
            Assert.Single(page.Tombstones, tombstone => tombstone.Domain == former.Id).Revision,
            Assert.Single(page.Upserts, row => row.Domain == winner.Id).Revision);
    }

    [Fact]
    public async Task An_unknown_fleet_has_no_withdrawals()
    {
        await using var app = await NodesApp.StartAsync(database);
        using var list = await app.AdminAsync(HttpMethod.Get, $"/v1/fleets/{Guid.NewGuid()}/withdrawals");
        using var approve = await app.AdminAsync(
            HttpMethod.Post, $"/v1/fleets/{Guid.NewGuid()}/withdrawals/approve",
            new { heldUntil = app.Clock.GetUtcNow() });

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (list.StatusCode, approve.StatusCode));
    }

    private async Task<(Guid Fleet, TestNode Node, SeededDomain Last)> FleetAsync(NodesApp app, int served)
    {
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        await app.Rows.ChangeAsync(domain);
        await app.Rows.ManyAsync(domain.Id, served - 1);
        await PublishAsync(app);
        return (fleet.Id, await app.EnrolAsync("n1", fleet.Name), domain);
    }

    private Task PublishAsync(NodesApp app) => PublishBatch.RunAsync(database.DataSource, app.Clock, default);

    /// <summary>The app's own publisher may take an approved batch first, in a revision of its own.</summary>
    private static async Task<List<Tombstone>> ReadAllAsync(TestNode node, string since)
    {
        var all = new List<Tombstone>();
        var page = await node.PollAsync(since);
        while (page.Tombstones.Count > 0)
        {
            all.AddRange(page.Tombstones);
            page = await node.PollAsync(page.Cursor);
        }

        return all;
    }

    private static async Task<WithdrawalsView> ListAsync(NodesApp app, Guid fleet)
    {
        using var answer = await app.AdminAsync(HttpMethod.Get, $"/v1/fleets/{fleet}/withdrawals?limit=200");
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<WithdrawalsView>())!;
    }

    private static async Task<ApprovedWithdrawals> ApproveAsync(NodesApp app, Guid fleet, DateTimeOffset heldUntil)
    {
        using var answer = await app.AdminAsync(
            HttpMethod.Post, $"/v1/fleets/{fleet}/withdrawals/approve", new { heldUntil, reason = "Meant." });
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<ApprovedWithdrawals>())!;
    }

    private static Task<int> EventsAsync(NodesApp app, Guid fleet, string type) => app.Rows.ReadAsync(async rows =>
    {
        var name = (await rows.Fleets.SingleAsync(row => row.Id == fleet)).Name;
        return await rows.Events.CountAsync(row => row.Type == type && row.Message.StartsWith($"Fleet {name}:"));
    });
}
