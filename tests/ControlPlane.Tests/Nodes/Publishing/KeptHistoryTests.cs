using System.Net;
using ControlPlane.Contracts;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Nodes.Publishing;

/// <summary>Lists that are read while the fleet changes, and cursors older than what is kept.</summary>
public sealed class KeptHistoryTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private static readonly TimeSpan LongerThanKept = TimeSpan.FromDays(31);

    [Fact]
    public async Task A_full_list_stays_pinned_and_ends_with_the_right_set_however_rows_move_meanwhile()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, template) = await FleetAsync(app);
        await app.Rows.ManyAsync(template.Id, 1203);
        await PublishAsync();
        var first = await node.PollAsync();
        var pages = new List<DesiredStatePage> { first };
        var reader = new Dictionary<Guid, long>();
        Apply(reader, first);
        var unread = await UnreadAsync(app, template, reader);

        // One that was read is renewed and another withdrawn; the same for two that were not; and one is new.
        var renewed = await app.Rows.RenewedAsync(template);
        await ChangeAsync(first.Upserts[0].Domain, renewed.Id);
        await ChangeAsync(first.Upserts[1].Domain, null);
        await ChangeAsync(unread[0], renewed.Id);
        await ChangeAsync(unread[1], null);
        await app.Rows.ChangeAsync(await app.Rows.DomainAsync(template.Domain.FleetId));
        await PublishAsync();
        while (pages[^1].More)
        {
            pages.Add(await node.PollAsync(pages[^1].Cursor));
            Apply(reader, pages[^1]);
        }

        Assert.Equal([500, 500, 202, 5], pages.Select(page => page.Upserts.Count + page.Tombstones.Count));
        Assert.All(pages[..^1], page => Assert.Equal(first.Revision, page.Revision));
        var wanted = await app.Rows.ReadAsync(rows => rows.DesiredState
            .Where(row => row.FleetId == template.Domain.FleetId && row.BundleId != null)
            .ToDictionaryAsync(row => row.DomainId, row => row.Revision));
        Assert.Equal(wanted.OrderBy(row => row.Key), reader.OrderBy(row => row.Key));
    }

    [Fact]
    public async Task A_cursor_older_than_the_kept_withdrawals_gets_410_and_younger_ones_go_on()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, gone) = await FleetAsync(app);
        await PublishAsync();
        var before = await node.PollAsync();
        await WithdrawAsync(app, gone);
        var after = await node.PollAsync(before.Cursor);
        Assert.Equal(gone.Id, Assert.Single(after.Tombstones).Domain);

        app.Clock.Advance(LongerThanKept);
        await SweepAsync(app);

        Assert.Equal(HttpStatusCode.Gone, await StatusAsync(node, before.Cursor));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(node, after.Cursor));
        var list = await node.PollAsync();
        Assert.Empty(list.Tombstones);
        Assert.Empty(list.Upserts);
        // The next sweep has nothing to do, and the next change is read from the list's end.
        await SweepAsync(app);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(node, list.Cursor));
    }

    [Fact]
    public async Task A_list_under_way_outlives_a_sweep_unless_what_it_may_have_listed_was_swept()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, first) = await FleetAsync(app);
        await app.Rows.ManyAsync(first.Id, 600);
        await PublishAsync();
        await WithdrawAsync(app, first);
        var page = await node.PollAsync();
        Assert.True(page.More);

        app.Clock.Advance(LongerThanKept);
        await SweepAsync(app);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(node, page.Cursor));

        var second = await app.Rows.DomainAsync(first.Domain.FleetId);
        await app.Rows.ChangeAsync(second);
        await PublishAsync();
        await WithdrawAsync(app, second);
        app.Clock.Advance(LongerThanKept);
        await SweepAsync(app);
        Assert.Equal(HttpStatusCode.Gone, await StatusAsync(node, page.Cursor));
    }

    [Fact]
    public async Task A_withdrawal_that_its_order_still_waits_for_is_kept()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, domain) = await FleetAsync(app);
        await PublishAsync();
        await WithdrawAsync(app, domain, closed: false);

        app.Clock.Advance(LongerThanKept);
        await SweepAsync(app);

        Assert.Equal(domain.Id, Assert.Single((await node.PollAsync()).Tombstones).Domain);
    }

    [Fact]
    public async Task A_node_that_was_away_and_still_holds_a_withdrawn_bundle_is_told_again_with_the_old_time()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, gone) = await FleetAsync(app);
        await PublishAsync();
        await WithdrawAsync(app, gone);
        var withdrawnAt = Assert.Single((await node.PollAsync()).Tombstones).WithdrawnAt;
        app.Clock.Advance(LongerThanKept);
        await SweepAsync(app);
        var list = await node.PollAsync();
        Assert.Empty(list.Tombstones);

        // Another bundle under that name is nobody's business here, and the very one that was withdrawn is.
        await ReportStrayAsync(1, new string('a', 64));
        Assert.False(await app.Rows.ReadAsync(rows => rows.DesiredChanges.AnyAsync(row => row.DomainId == gone.Id)));
        await ReportStrayAsync(2, gone.Bundle.Fingerprint);

        var told = await node.PollAsync(list.Cursor, Routes.MaxWaitSeconds).WaitAsync(Eventually.Deadline);
        var again = Assert.Single(told.Tombstones);
        Assert.Equal((gone.Id, withdrawnAt), (again.Domain, again.WithdrawnAt));

        Task<ObservedStateReceipt> ReportStrayAsync(long number, string fingerprint) => node.ReportAsync(
            new ObservedStateReport(number, list.Epoch, list.Revision, true, null, "1.0", [])
            {
                Strays = new StrayNames(
                    1, [new StrayName(gone.Domain.Hostname, fingerprint, app.Clock.GetUtcNow().AddDays(9))]),
            });
    }

    [Fact]
    public async Task What_nodes_answered_for_a_withdrawn_domain_goes_with_its_tombstone_and_no_sooner()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, gone) = await FleetAsync(app);
        var kept = await app.Rows.DomainAsync(gone.Domain.FleetId);
        await app.Rows.ChangeAsync(kept);
        await PublishAsync();
        await node.ReportAsync(synced: false, gone.Served(), kept.Served());
        await WithdrawAsync(app, gone);
        await node.ReportAsync(synced: false, gone.Withdrawn(revision: 2));

        await SweepAsync(app);
        Assert.Equal(2, (await AnsweredAsync()).Count);
        app.Clock.Advance(LongerThanKept);
        await SweepAsync(app);

        Assert.Equal([kept.Id], await AnsweredAsync());

        Task<List<Guid>> AnsweredAsync() => app.Rows.ReadAsync(rows => rows.NodeObservations
            .Where(row => row.NodeId == node.Id).Select(row => row.DomainId).ToListAsync());
    }

    [Fact]
    public async Task A_revision_that_brings_nothing_moves_the_cursor_all_the_same()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (node, domain) = await FleetAsync(app);
        await PublishAsync();
        var before = await node.PollAsync();
        // A repeat of what is there.
        await app.Rows.ChangeAsync(domain);
        await PublishAsync();

        var after = await node.PollAsync(before.Cursor);

        Assert.Empty(after.Upserts);
        Assert.Equal(before.Revision + 1, after.Revision);
        Assert.NotEqual(before.Cursor, after.Cursor);
    }

    [Fact]
    public async Task A_reader_held_below_the_head_sees_nothing_above_and_misses_nothing_later()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (_, early) = await FleetAsync(app);
        await PublishAsync();
        var late = await app.Rows.DomainAsync(early.Domain.FleetId);
        await app.Rows.ChangeAsync(late);
        await PublishAsync();
        var reader = app.App.Services.GetRequiredService<DesiredStateReader>();

        var held = (await reader.ReadAsync(early.Domain.FleetId, null, 1, default))!;
        Assert.Equal([early.Id], held.Upserts.Select(row => row.Domain));
        Assert.False(held.More);
        Assert.True(DesiredStateCursor.TryParse(held.Cursor, out var cursor));
        var all = (await reader.ReadAsync(early.Domain.FleetId, cursor, null, default))!;
        Assert.Equal([late.Id], all.Upserts.Select(row => row.Domain));
        // Who was further on already stays there.
        Assert.True(DesiredStateCursor.TryParse(all.Cursor, out var further));
        Assert.Equal(all.Cursor, (await reader.ReadAsync(early.Domain.FleetId, further, 1, default))!.Cursor);
    }

    private static async Task<(TestNode Node, SeededDomain Domain)> FleetAsync(NodesApp app)
    {
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        await app.Rows.ChangeAsync(domain);
        return (await app.EnrolAsync("n1", fleet.Name), domain);
    }

    private Task PublishAsync() => PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);

    private async Task WithdrawAsync(NodesApp app, SeededDomain domain, bool closed = true)
    {
        await app.Rows.ChangeAsync(domain, withdraw: true);
        await PublishBatch.RunAsync(database.DataSource, app.Clock, default);
        if (closed)
        {
            await using var db = database.Open();
            await db.Database.ExecuteSqlAsync(
                $"UPDATE orders SET state = 'Canceled', closed_at = now() WHERE domain_id = {domain.Id}");
        }
    }

    private async Task ChangeAsync(Guid domain, Guid? bundle)
    {
        await using var db = database.Open();
        await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)
             SELECT id, fleet_id, hostname, {bundle}, 2, now() FROM domains WHERE id = {domain}
             """);
    }

    private static async Task<List<Guid>> UnreadAsync(NodesApp app, SeededDomain of, Dictionary<Guid, long> read)
    {
        var all = await app.Rows.ReadAsync(rows => rows.DesiredState
            .Where(row => row.FleetId == of.Domain.FleetId && row.DomainId != of.Id)
            .Select(row => row.DomainId).ToListAsync());
        return [.. all.Where(domain => !read.ContainsKey(domain)).Take(2)];
    }

    /// <summary>As an agent records a page.</summary>
    private static void Apply(Dictionary<Guid, long> reader, DesiredStatePage page)
    {
        foreach (var upsert in page.Upserts)
        {
            reader[upsert.Domain] = upsert.Revision;
        }

        foreach (var tombstone in page.Tombstones)
        {
            reader.Remove(tombstone.Domain);
        }
    }

    private static Task SweepAsync(NodesApp app) =>
        ActivatorUtilities.CreateInstance<TombstoneSweep>(app.App.Services).RunAsync(default);

    private static async Task<HttpStatusCode> StatusAsync(TestNode node, string cursor)
    {
        using var answer = await node.SendAsync("GET", $"{Routes.DesiredState}?since={cursor}");
        return answer.StatusCode;
    }
}
