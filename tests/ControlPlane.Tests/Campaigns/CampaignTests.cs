using ControlPlane.Campaigns;
using ControlPlane.Campaigns.Working;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Revoking;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Tests.Domains;
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

    /// <summary>Fails when one name that two campaigns found away, and that is back, stops all campaigns for
    /// good.</summary>
    [Fact]
    public async Task Who_left_two_campaigns_comes_back_to_the_one_whose_deadline_is_next()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var left = await bench.ServedAsync();
        await bench.Path.SqlAsync(
            $"""
             UPDATE domains SET dns_away_since = {bench.Now}, dns_failed_looks = 1, dns_look_due_at = {bench.Now}
             WHERE id = {left.DomainId}
             """);
        // Else the campaigns would be over at once.
        await bench.ServedAsync();
        var later = await bench.RunningAsync(bench.Request() with { Deadline = bench.Now.AddHours(48) });
        await bench.ServedAsync();
        var sooner = await bench.RunningAsync();

        await bench.Path.SqlAsync(
            $"UPDATE domains SET dns_away_since = NULL, dns_failed_looks = 0 WHERE id = {left.DomainId}");
        await bench.SweepAsync();

        Assert.Equal(CampaignDomainState.Ordered, (await bench.RowsAsync(sooner))[0].State);
        Assert.Equal(
            (CampaignDomainState.Skipped, CampaignObstacle.Left),
            ((await bench.RowsAsync(later))[0].State, (await bench.RowsAsync(later))[0].Obstacle));
        await bench.ProveNewestAsync(left);
        await bench.SweepAsync();
        await bench.SweepAsync();
        Assert.All(
            [(await bench.RowsAsync(sooner))[0], (await bench.RowsAsync(later))[0]],
            row => Assert.Equal(CampaignDomainState.Replaced, row.State));
        Assert.Equal(1, (await bench.OrdersAsync(left)).Count(order => order.Kind == OrderKind.Renewal));
    }

    /// <summary>As after <c>CRASH_AT=Campaign.commit.Opened</c>: the worker is gone right after a commit.</summary>
    [Fact]
    public async Task A_worker_killed_between_two_openings_leaves_no_domain_without_its_order_and_none_with_two()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        Order[] served = [await bench.ServedAsync(), await bench.ServedAsync(), await bench.ServedAsync()];
        var id = await bench.RunningAsync();

        await Assert.ThrowsAsync<OperationCanceledException>(() => bench.SweepAsync(new Killed()));
        Assert.Equal(
            [CampaignDomainState.Ordered, CampaignDomainState.Waiting, CampaignDomainState.Waiting],
            (await bench.RowsAsync(id)).Select(row => row.State));
        await Assert.ThrowsAsync<OperationCanceledException>(() => bench.SweepAsync(new Killed()));
        await bench.SweepAsync();
        await bench.SweepAsync();

        var rows = await bench.RowsAsync(id);
        foreach (var (at, order) in served.Index())
        {
            var opened = Assert.Single((await bench.OrdersAsync(order)).Skip(1));
            Assert.Equal((CampaignDomainState.Ordered, opened.Id), (rows[at].State, rows[at].OrderId));
        }
    }

    /// <summary>Fails when a CA that is down holds up those of another, or when ever more is opened that only waits for
    /// it.</summary>
    [Fact]
    public async Task A_CA_that_does_not_answer_holds_up_its_own_and_not_those_of_another()
    {
        await using var bench = await CampaignBench.StartAsync(database, ordersPerTurn: 2);
        bench.Path.OtherCa = new StandInCa { Name = "other" };
        bench.Path.DefaultCa = bench.Path.Ca.Name;
        Order[] served =
        [
            await bench.ServedAsync(), await bench.ServedAsync(), await bench.ServedAsync(), await bench.ServedAsync(),
        ];
        await bench.Path.SqlAsync(
            $"UPDATE domains SET certificate_authority = 'other' WHERE id = {served[3].DomainId}");
        var id = await bench.RunningAsync();
        await bench.SweepAsync();
        await bench.Path.SqlAsync(
            $"""
             UPDATE orders SET state = 'PendingOrder', snoozes = 1, reason = {Reasons.CaNotReachable.Code}
             WHERE kind = 'Renewal'
             """);

        await bench.SweepAsync();
        await bench.SweepAsync();

        Assert.Equal(
            [
                CampaignDomainState.Ordered, CampaignDomainState.Ordered, CampaignDomainState.Waiting,
                CampaignDomainState.Ordered,
            ],
            (await bench.RowsAsync(id)).Select(row => row.State));
    }

    [Fact]
    public async Task Campaigns_that_start_at_one_moment_share_no_domain_and_none_starts_twice()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        Order[] served = [await bench.ServedAsync(), await bench.ServedAsync()];
        Guid[] ids = [await bench.PlanAsync(), await bench.PlanAsync()];

        Assert.All(
            await Task.WhenAll(ids.Concat(ids).Select(id => bench.CommandAsync(bench.Moves.StartAsync, id))),
            Assert.Null);

        var rows = (await Task.WhenAll(ids.Select(bench.RowsAsync))).SelectMany(some => some).ToList();
        Assert.Equal(2, rows.Count(row => row.State == CampaignDomainState.Waiting));
        Assert.Equal(2, rows.Count(row => row.Obstacle == CampaignObstacle.OtherCampaign));
        Assert.All(
            await Task.WhenAll(ids.Select(bench.EventsAsync)),
            told => Assert.Equal([EventTypes.CampaignStarted], told));
        Assert.Equal(served.Length, rows.Select(row => row.DomainId).Distinct().Count());
    }

    /// <summary>Fails when the answer to an abortion is no promise: a worker that had picked the domain opens its
    /// successor after it.</summary>
    [Fact]
    public async Task After_an_abortion_nothing_is_opened_not_even_by_a_worker_that_was_about_to()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var served = await bench.ServedAsync();
        var id = await bench.RunningAsync();
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var abortion = await connection.BeginTransactionAsync();
        Assert.Null(await bench.Moves.AbortAsync(connection, id, bench.Now, default));

        var opening = OpenSuccessor.RunAsync(bench.Path, id, served.DomainId, bench.Now, default);
        await Eventually.TrueAsync(async () => await bench.Path.ValueAsync<bool>(
            $"""
             SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                            WHERE datname = current_database() AND wait_event_type = 'Lock') AS "Value"
             """));
        await abortion.CommitAsync();

        Assert.Null(await opening);
        Assert.Single(await bench.OrdersAsync(served));
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

    private sealed class Killed : IWakes
    {
        public void Wake(OrderState state) => throw new OperationCanceledException();
    }
}
