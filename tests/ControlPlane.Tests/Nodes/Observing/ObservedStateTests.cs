using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Nodes.Observing;

public sealed class ObservedStateTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task The_first_synced_report_makes_a_node_of_an_empty_fleet_serve()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);

        Assert.Equal("Joining", (await node.ReportAsync(synced: false)).Standing);
        Assert.Equal("Serving", (await node.ReportAsync(synced: true)).Standing);
        Assert.Equal("Serving", (await node.ReportAsync(synced: false)).Standing);
    }

    [Theory]
    [InlineData(1999)]
    [InlineData(2000)]
    public async Task A_long_detail_is_cut_between_characters(int before)
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        var node = await app.EnrolAsync("n1", fleet.Name);

        await node.ReportAsync(true, domain.Refused(NodeErrorCodes.HAProxyRefused) with
        {
            Error = new NodeError(NodeErrorCodes.HAProxyRefused, new string('d', before) + "\U0001F512 and more"),
        });

        var kept = await app.Rows.ReadAsync(
            rows => rows.NodeObservations.SingleAsync(row => row.DomainId == domain.Id));
        Assert.Equal(new string('d', before), kept.ErrorDetail);
    }

    [Fact]
    public async Task A_node_that_flips_its_error_codes_writes_few_events_and_one_says_how_many_were_left_out()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var first = await app.Rows.DomainAsync(fleet.Id);
        await app.Rows.ManyAsync(first.Id, 99);
        var domains = await app.Rows.ReadAsync(rows => rows.Domains.AsNoTracking()
            .Where(row => row.FleetId == fleet.Id).Select(row => row.Id).ToListAsync());
        var name = $"n{Guid.NewGuid():N}"[..12];
        var node = await app.EnrolAsync(name, fleet.Name);

        for (var report = 0; report < 5; report++)
        {
            var code = report % 2 == 0 ? NodeErrorCodes.Oversized : NodeErrorCodes.HAProxyRefused;
            await node.ReportAsync(
                false, [.. domains.Select(id => first.Refused(code) with { Domain = id, Revision = report })]);
        }

        Assert.Equal(100, await EventsAsync(EventTypes.NodeRefused));
        Assert.Equal(100, await app.Rows.ReadAsync(rows => rows.NodeObservations.CountAsync(
            row => row.NodeId == node.Id && row.Revision == 4 && row.ErrorCode == NodeErrorCodes.Oversized)));

        app.Clock.Advance(TimeSpan.FromSeconds(61));
        await node.ReportAsync(false);
        await node.ReportAsync(false);
        var leftOut = await app.Rows.ReadAsync(rows => rows.Events.SingleAsync(
            row => row.Type == "node.events-left-out" && row.Message.Contains(name)));
        Assert.Contains("400 more events", leftOut.Message, StringComparison.Ordinal);
        await node.ReportAsync(false, first.Refused(NodeErrorCodes.HAProxyRefused));
        Assert.Equal(101, await EventsAsync(EventTypes.NodeRefused));

        Task<int> EventsAsync(string type) => app.Rows.ReadAsync(
            rows => rows.Events.CountAsync(row => row.Type == type && row.Message.Contains(name)));
    }

    [Fact]
    public async Task A_report_moves_orders_of_its_own_fleet_and_only_by_what_is_new()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var own = await app.Rows.DomainAsync(fleet.Id);
        var theirs = await app.Rows.DomainAsync((await app.Rows.FleetAsync()).Id);
        var node = await app.EnrolAsync("n1", fleet.Name);

        await node.ReportAsync(false, own.Served(), theirs.Served());
        await node.ReportAsync(false, own.Served(), theirs.Served());

        Assert.Equal((1, 0), (await NudgesAsync(own), await NudgesAsync(theirs)));

        Task<int> NudgesAsync(SeededDomain of) => app.Rows.ReadAsync(rows => rows.Database
            .SqlQuery<int>($"""SELECT nudges AS "Value" FROM orders WHERE id = {of.Order.Id}""").SingleAsync());
    }

    /// <summary>Fails when an agent that goes on reporting keeps a node in every proof although it serves
    /// nothing.</summary>
    [Fact]
    public async Task A_node_whose_haproxy_is_away_is_lost_and_serves_again_with_it()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);
        Assert.Equal("Serving", (await node.ReportAsync(synced: true)).Standing);
        var liveness = app.App.Services.GetRequiredService<NodeLiveness>();
        await liveness.RunAsync(default);
        var at = await node.PollAsync();
        var report = new ObservedStateReport(1000, at.Epoch, at.Revision, true, null, "1.0", []);

        for (var n = 1; n <= 5; n++)
        {
            app.Clock.Advance(TimeSpan.FromSeconds(20));
            await node.ReportAsync(report with { ReportNumber = 1000 + n });
            await liveness.RunAsync(default);
        }

        Assert.Equal("Lost", (await node.ReportAsync(report with { ReportNumber = 2000 })).Standing);
        Assert.Equal("Serving", (await node.ReportAsync(3000, true, at.Epoch, at.Revision)).Standing);
    }

    [Fact]
    public async Task A_node_serves_only_after_it_proved_every_active_domain()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var (active, pending) = (await app.Rows.DomainAsync(fleet.Id, status: DomainStatus.Active),
            await app.Rows.DomainAsync(fleet.Id));
        await app.Rows.ChangeAsync(active);
        await app.Rows.ChangeAsync(pending);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var node = await app.EnrolAsync("n1", fleet.Name);

        Assert.Equal("Joining", (await node.ReportAsync(true, pending.Served())).Standing);
        Assert.Equal("Joining", (await node.ReportAsync(true, active.Served(pending.Bundle.Fingerprint))).Standing);
        Assert.Equal(
            "Joining", (await node.ReportAsync(true, active.Served() with { DiskFingerprint = null })).Standing);
        Assert.Equal("Serving", (await node.ReportAsync(true, active.Served())).Standing);
        Assert.Contains(OrderState.PendingDeployment, app.Wakes.Woken);
    }

    [Fact]
    public async Task A_refused_renewal_with_the_last_good_bundle_served_does_not_keep_a_node_out()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var active = await app.Rows.DomainAsync(fleet.Id, status: DomainStatus.Active);
        var renewed = await app.Rows.RenewedAsync(active);
        await using (var db = database.Open())
        {
            await FleetRows.ChangeAsync(db, active, 2, renewed.Id);
        }

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var node = await app.EnrolAsync("n1", fleet.Name);
        Assert.Equal("Joining", (await node.ReportAsync(true, active.Served())).Standing);
        Assert.Equal("Serving", (await node.ReportAsync(true, active.Served() with
        {
            State = ObservedDomainState.Refused,
            Error = new NodeError(NodeErrorCodes.Oversized, "Too large."),
        })).Standing);
    }

    [Fact]
    public async Task An_older_report_is_answered_and_changes_nothing()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        var node = await app.EnrolAsync("n1", fleet.Name);
        await node.ReportAsync(7, true, 1, 0, domain.Served());

        var receipt = await node.ReportAsync(6, true, 1, 0, domain.Refused(NodeErrorCodes.DiskFailed));

        Assert.Equal(7, receipt.ReportNumber);
        var seen = await app.Rows.ReadAsync(rows => rows.NodeObservations.SingleAsync(row => row.NodeId == node.Id));
        Assert.True(seen.Proves(domain.Bundle.Fingerprint));
    }

    [Fact]
    public async Task A_full_report_that_says_nothing_new_writes_no_row_and_one_change_writes_one()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        await app.Rows.ManyAsync(domain.Id, Routes.MaxRowsPerReport - 1);
        var node = await app.EnrolAsync("n1", fleet.Name);
        var rows = await app.Rows.ReadAsync(db => db.Domains.Where(row => row.FleetId == fleet.Id)
            .Select(row => new ObservedDomain(
                row.Id, 1, ObservedDomainState.Refused, null, null, null, new NodeError("oversized", "Too large.")))
            .ToArrayAsync());

        await node.ReportAsync(1, false, 1, 0, rows);
        var first = await VersionsAsync();
        await node.ReportAsync(2, false, 1, 0, rows);
        var second = await VersionsAsync();
        rows[7] = rows[7] with { Error = rows[7].Error! with { Detail = "Still too large." } };
        await node.ReportAsync(3, false, 1, 0, rows);
        var third = await VersionsAsync();

        Assert.Equal(Routes.MaxRowsPerReport, first.Count);
        Assert.Equal(first, second);
        Assert.Equal([rows[7].Domain], third.Except(second).Select(row => row.Key));

        // xmin names the transaction that wrote the row last.
        async Task<Dictionary<Guid, string>> VersionsAsync()
        {
            await using var command = database.DataSource.CreateCommand(
                "SELECT domain_id, xmin::text FROM node_observations WHERE node_id = $1");
            command.Parameters.Add(new() { Value = node.Id });
            await using var reader = await command.ExecuteReaderAsync();
            var versions = new Dictionary<Guid, string>();
            while (await reader.ReadAsync())
            {
                versions[reader.GetGuid(0)] = reader.GetString(1);
            }

            return versions;
        }
    }

    [Fact]
    public async Task A_refusal_is_told_once_per_change()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        var foreign = await app.Rows.DomainAsync((await app.Rows.FleetAsync()).Id);
        var node = await app.EnrolAsync("n1", fleet.Name);

        await node.ReportAsync(
            false, domain.Refused(NodeErrorCodes.DiskFailed), foreign.Refused(NodeErrorCodes.DiskFailed));
        await node.ReportAsync(false, domain.Refused(NodeErrorCodes.DiskFailed));
        await node.ReportAsync(false, domain.Refused(NodeErrorCodes.Oversized));
        await node.ReportAsync(false, domain.Served());
        await node.ReportAsync(false, domain.Refused(NodeErrorCodes.Oversized));

        var told = await app.Rows.ReadAsync(rows => rows.Events
            .Where(row => row.DomainId == domain.Id || row.DomainId == foreign.Id).OrderBy(row => row.Id)
            .ToListAsync());
        Assert.Equal(3, told.Count);
        Assert.All(
            told,
            row => Assert.Equal((EventTypes.NodeRefused, domain.Domain.TenantId), (row.Type, row.TenantId!.Value)));
        Assert.Contains(NodeErrorCodes.DiskFailed, told[0].Message);
    }

    [Fact]
    public async Task An_answer_makes_the_waiting_order_due_at_once()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var domain = await app.Rows.DomainAsync(fleet.Id);
        var node = await app.EnrolAsync("n1", fleet.Name);
        await using (var db = database.Open())
        {
            await db.Orders.Where(row => row.Id == domain.Order.Id).ExecuteUpdateAsync(set =>
                set.SetProperty(row => row.NextAttemptAt, app.Clock.GetUtcNow().AddHours(1)));
        }

        await node.ReportAsync(false, domain.Served());

        var order = await app.Rows.ReadAsync(rows => rows.Orders.SingleAsync(row => row.Id == domain.Order.Id));
        Assert.True(order.NextAttemptAt <= app.Clock.GetUtcNow());
        Assert.Equal([OrderState.PendingDeployment], app.Wakes.Woken);
    }

    [Fact]
    public async Task A_silent_node_is_lost_but_only_while_somebody_listened()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var (silent, heard) = (await app.EnrolAsync("n1", fleet.Name), await app.EnrolAsync("n2", fleet.Name));
        await silent.ReportAsync(true);
        await heard.ReportAsync(true);
        var sweep = app.App.Services.GetRequiredService<NodeLiveness>();
        app.Clock.Advance(TimeSpan.FromSeconds(100));
        await heard.ReportAsync(true);
        await using (var restarted = await NodesApp.StartAsync(database))
        {
            restarted.Clock.Advance(TimeSpan.FromSeconds(100));
            var fresh = ActivatorUtilities.CreateInstance<NodeLiveness>(restarted.App.Services);
            await fresh.RunAsync(default);
            Assert.Equal(NodeStanding.Serving, await StandingAsync(app, silent));
        }

        await sweep.RunAsync(default);
        Assert.Equal(NodeStanding.Lost, await StandingAsync(app, silent));
        Assert.Equal(NodeStanding.Serving, await StandingAsync(app, heard));
        Assert.Equal("Lost", (await silent.ReportAsync(false)).Standing);
        Assert.Equal("Serving", (await silent.ReportAsync(true)).Standing);
    }

    private static Task<NodeStanding> StandingAsync(NodesApp app, TestNode node) =>
        app.Rows.ReadAsync(
            rows => rows.Nodes.Where(row => row.Id == node.Id).Select(row => row.Standing).SingleAsync());
}
