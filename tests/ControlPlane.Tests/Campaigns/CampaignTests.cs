using ControlPlane.Campaigns;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Revoking;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Campaigns;

public sealed class CampaignTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    /// <summary>Fails when more than a turn's worth is opened, when a second look orders again, or when a row is called
    /// replaced before its successor is proven.</summary>
    [Fact]
    public async Task Successors_are_opened_by_rank_a_few_at_a_time_once_each_and_the_last_proof_completes_it()
    {
        await using var bench = await CampaignBench.StartAsync(database, ordersPerTurn: 2);
        Order[] served = [await bench.ServedAsync(), await bench.ServedAsync(), await bench.ServedAsync()];
        var id = await bench.PlanAsync();
        await bench.SweepAsync();
        Assert.All(served, order => Assert.Equal(OrderState.Active, order.State));
        Assert.All(await bench.RowsAsync(id), row => Assert.Equal(CampaignDomainState.Planned, row.State));

        Assert.Null(await bench.CommandAsync(bench.Moves.StartAsync, id));
        await bench.SweepAsync();
        await bench.SweepAsync();
        var rows = await bench.RowsAsync(id);
        Assert.Equal(
            [CampaignDomainState.Ordered, CampaignDomainState.Ordered, CampaignDomainState.Waiting],
            rows.Select(row => row.State));
        var opened = Assert.Single((await bench.OrdersAsync(served[0])).Skip(1));
        Assert.Equal((OrderKind.Renewal, true, rows[0].OrderId), (opened.Kind, opened.InBulk, opened.Id));

        await bench.ProveNewestAsync(served[0]);
        await bench.ProveNewestAsync(served[1]);
        await bench.SweepAsync();
        Assert.Equal(
            [CampaignDomainState.Replaced, CampaignDomainState.Replaced, CampaignDomainState.Ordered],
            (await bench.RowsAsync(id)).Select(row => row.State));
        await bench.ProveNewestAsync(served[2]);
        await bench.SweepAsync();
        await bench.SweepAsync();

        var view = await bench.ViewAsync(id);
        Assert.Equal((CampaignState.Completed, 3, 0), (view.State, view.Progress.Replaced, view.Late));
        Assert.Equal([EventTypes.CampaignStarted, EventTypes.CampaignCompleted], await bench.EventsAsync(id));
        Assert.All(await Task.WhenAll(served.Select(bench.OrdersAsync)), orders => Assert.Equal(
            2, orders.Count(order => order.Kind == OrderKind.Renewal || order.Id == orders[0].Id)));
    }

    [Fact]
    public async Task Old_certificates_are_revoked_where_the_campaign_says_so_and_not_before_they_are_replaced()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var served = await bench.ServedAsync();
        var id = await bench.RunningAsync(bench.Request() with { RevokeAfter = RevocationReason.Superseded });
        await bench.SweepAsync();
        await using var db = database.Open();
        Assert.Empty(await db.Revocations.ToListAsync());

        await bench.ProveNewestAsync(served);
        await bench.SweepAsync();
        await bench.SweepAsync();

        var asked = Assert.Single(await db.Revocations.ToListAsync());
        Assert.Equal(
            (served.BundleId, RevocationReason.Superseded, false, RevocationState.WaitingForReplacement),
            (asked.BundleId, asked.Reason, asked.AtOnce, asked.State));
        Assert.Equal((await bench.RowsAsync(id))[0].OrderId, asked.OrderId);
        Assert.Single(await db.Events.Where(told => told.Type == EventTypes.RevocationRequested).ToListAsync());
    }

    [Fact]
    public async Task A_pause_opens_nothing_a_resumption_goes_on_and_an_abortion_takes_nothing_back()
    {
        await using var bench = await CampaignBench.StartAsync(database, ordersPerTurn: 1);
        var first = await bench.ServedAsync();
        var second = await bench.ServedAsync();
        var third = await bench.ServedAsync();
        var id = await bench.RunningAsync();
        await bench.SweepAsync();
        Assert.Null(await bench.CommandAsync(bench.Moves.PauseAsync, id));
        Assert.Null(await bench.CommandAsync(bench.Moves.PauseAsync, id));
        await bench.ProveNewestAsync(first);
        await bench.SweepAsync();
        Assert.Equal(
            [CampaignDomainState.Replaced, CampaignDomainState.Waiting, CampaignDomainState.Waiting],
            (await bench.RowsAsync(id)).Select(row => row.State));
        Assert.Single(await bench.OrdersAsync(second));

        Assert.Null(await bench.CommandAsync(bench.Moves.ResumeAsync, id));
        await bench.SweepAsync();
        Assert.Null(await bench.CommandAsync(bench.Moves.AbortAsync, id));
        Assert.Equal(OrderState.PendingDns, (await bench.OrdersAsync(second))[^1].State);
        await bench.ProveNewestAsync(second);
        await bench.SweepAsync();

        Assert.Equal(
            [CampaignDomainState.Replaced, CampaignDomainState.Replaced, CampaignDomainState.Dropped],
            (await bench.RowsAsync(id)).Select(row => row.State));
        Assert.Single(await bench.OrdersAsync(third));
        Assert.Equal(CampaignState.Aborted, (await bench.ViewAsync(id)).State);
        Assert.Equal(
            [
                EventTypes.CampaignStarted, EventTypes.CampaignPaused, EventTypes.CampaignResumed,
                EventTypes.CampaignAborted,
            ],
            await bench.EventsAsync(id));
        Assert.Equal(
            CampaignProblems.Stands.Code, (await bench.CommandAsync(bench.Moves.ResumeAsync, id))!.Kind.Code);
    }

    /// <summary>Fails when a failure is forgotten, hidden, hammered, or retried for ever.</summary>
    [Fact]
    public async Task A_failed_replacement_is_tried_again_until_the_deadline_and_then_told()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var order = await bench.ServedAsync();
        var id = await bench.RunningAsync(bench.Request() with { Deadline = bench.Now.AddMinutes(20) });
        await bench.SweepAsync();
        await bench.FailNewestAsync(order);
        await bench.SweepAsync();
        await bench.SweepAsync();
        var row = Assert.Single(await bench.RowsAsync(id));
        Assert.Equal((CampaignDomainState.Failed, Reasons.CaRefused.Code, 1), (row.State, row.Reason, row.Attempts));
        Assert.Equal(bench.Now.AddMinutes(2), row.NextAttemptAt);
        Assert.Equal(
            [new CampaignFailure(Reasons.CaRefused.Code, 1)], (await bench.ViewAsync(id)).Progress.Failures);

        bench.Path.Clock.Advance(TimeSpan.FromMinutes(2));
        await bench.SweepAsync();
        Assert.Equal(3, (await bench.OrdersAsync(order)).Count);
        await bench.FailNewestAsync(order);
        bench.Path.Clock.Advance(TimeSpan.FromMinutes(20));
        await bench.SweepAsync();

        var view = await bench.ViewAsync(id);
        Assert.Equal((CampaignState.Completed, 1, 1), (view.State, view.Progress.GivenUp, view.Late));
        Assert.Equal(
            [EventTypes.CampaignStarted, EventTypes.CampaignLate, EventTypes.CampaignCompleted],
            await bench.EventsAsync(id));
    }

    [Fact]
    public async Task Who_leaves_is_passed_over_and_taken_back_in_and_who_is_deleted_is_not()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var left = await bench.ServedAsync();
        var gone = await bench.ServedAsync();
        await bench.ServedAsync();
        var id = await bench.RunningAsync();
        await bench.Path.SqlAsync(
            $"""
             UPDATE domains SET dns_away_since = {bench.Now}, dns_failed_looks = 1, dns_look_due_at = {bench.Now}
             WHERE id = {left.DomainId}
             """);
        await bench.Path.SqlAsync($"UPDATE domains SET status = 'Deleting' WHERE id = {gone.DomainId}");
        await bench.SweepAsync();
        Assert.Equal(
            [CampaignObstacle.Left, CampaignObstacle.Gone, null],
            (await bench.RowsAsync(id)).Select(row => row.Obstacle));

        await bench.Path.SqlAsync(
            $"UPDATE domains SET dns_away_since = NULL, dns_failed_looks = 0 WHERE id = {left.DomainId}");
        await bench.SweepAsync();
        Assert.Equal(
            [CampaignDomainState.Ordered, CampaignDomainState.Skipped, CampaignDomainState.Ordered],
            (await bench.RowsAsync(id)).Select(row => row.State));
    }

    [Fact]
    public async Task A_successor_that_is_under_way_is_followed_and_a_domain_is_in_one_campaign_only()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var served = await bench.ServedAsync();
        var renewal = await bench.Path.OrderAsync(OrderState.PendingValidation, of: served.Domain);
        var first = await bench.PlanAsync();
        var second = await bench.PlanAsync();
        Assert.Null(await bench.CommandAsync(bench.Moves.StartAsync, first));
        Assert.Null(await bench.CommandAsync(bench.Moves.StartAsync, second));
        await bench.SweepAsync();

        Assert.Equal(renewal.Id, Assert.Single(await bench.RowsAsync(first)).OrderId);
        Assert.Equal(CampaignObstacle.OtherCampaign, Assert.Single(await bench.RowsAsync(second)).Obstacle);
        Assert.Equal(2, (await bench.OrdersAsync(served)).Count);
        Assert.Equal(CampaignState.Completed, (await bench.ViewAsync(second)).State);
    }

    [Fact]
    public async Task A_rehearsal_says_what_would_be_and_orders_nothing()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var served = await bench.ServedAsync();
        var id = await bench.RunningAsync(bench.Request() with { Rehearse = true });
        await bench.SweepAsync();

        var view = await bench.ViewAsync(id);
        Assert.Equal((CampaignState.Completed, 1, 3), (view.State, view.Progress.Rehearsed, view.Plan.CaCalls));
        Assert.NotNull(Assert.Single(await bench.RowsAsync(id)).ExpectedAt);
        Assert.Single(await bench.OrdersAsync(served));
        Assert.Equal([EventTypes.CampaignRehearsed], await bench.EventsAsync(id));
        // What was rehearsed can be done.
        await bench.RunningAsync();
        await bench.SweepAsync();
        Assert.Equal(2, (await bench.OrdersAsync(served)).Count);
    }

    [Fact]
    public async Task A_plan_that_nobody_starts_is_forgotten_after_a_week()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        await bench.ServedAsync();
        var id = await bench.PlanAsync();
        bench.Path.Clock.Advance(Campaign.PlanKept + TimeSpan.FromMinutes(1));
        await bench.SweepAsync();
        Assert.Empty(await bench.RowsAsync(id));
    }
}
