using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Fleets;

/// <summary>Canaries see a change first; the others when all canaries have answered for it.</summary>
public sealed class CanaryRolloutTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Without_canaries_a_change_is_released_in_the_statement_that_publishes_it()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 0);
        var cursor = (await bench.Nodes[1].PollAsync()).Cursor;

        var domain = Assert.Single(await bench.PublishedAsync(1));

        var row = await bench.RowAsync();
        Assert.Equal((1, 1), (row.Revision, row.ReleasedRevision));
        Assert.Equal([domain.Id], await FleetBench.ReadAsync(bench.Nodes[1], cursor));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_others_are_woken_when_the_canary_has_answered_and_see_nothing_before(bool isRefused)
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        var (canary, other) = (bench.Nodes[0], bench.Nodes[1]);
        var cursor = (await other.PollAsync()).Cursor;
        var domain = Assert.Single(await bench.PublishedAsync(1));

        Assert.Equal([domain.Id], await FleetBench.ReadAsync(canary, cursor));
        Assert.Empty(await FleetBench.ReadAsync(other, cursor));
        var poll = other.PollAsync(cursor, Routes.MaxWaitSeconds);
        await bench.AnswerAsync(
            canary, isRefused ? domain.Refused(NodeErrorCodes.Oversized) : domain.Served());

        // The answer itself starts the step; nobody calls it here.
        var page = await poll.WaitAsync(Eventually.Deadline);
        Assert.Equal(domain.Id, Assert.Single(page.Upserts).Domain);
        var row = await bench.RowAsync();
        Assert.Equal((row.Revision, RolloutState.Running), (row.ReleasedRevision, row.Rollout));
    }

    [Fact]
    public async Task A_change_that_the_canary_has_not_answered_holds_later_ones_and_not_earlier_ones()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        var cursor = (await bench.Nodes[1].PollAsync()).Cursor;
        var first = Assert.Single(await bench.PublishedAsync(1));
        await bench.PublishedAsync(1);
        var third = Assert.Single(await bench.PublishedAsync(1));

        await bench.AnswerAsync(bench.Nodes[0], first.Served(), third.Served() with { Revision = 3 });
        await bench.StepAsync();

        Assert.Equal(1, (await bench.RowAsync()).ReleasedRevision);
        Assert.Equal([first.Id], await FleetBench.ReadAsync(bench.Nodes[1], cursor));
    }

    [Fact]
    public async Task A_late_refusal_of_the_bundle_before_is_no_answer_to_the_new_one()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        var domain = Assert.Single(await bench.PublishedAsync(1));
        await bench.AnswerAsync(bench.Nodes[0], domain.Served());
        await bench.StepAsync();
        var renewed = await bench.App.Rows.RenewedAsync(domain);
        await bench.App.Rows.ChangeAsync(domain with { Bundle = renewed }, sequence: 2);
        await bench.PublishAsync();

        await bench.AnswerAsync(bench.Nodes[0], domain.Refused(NodeErrorCodes.Oversized, revision: 1));
        await bench.StepAsync();
        Assert.Equal(1, (await bench.RowAsync()).ReleasedRevision);

        // Held, it moves behind a withdrawal; what was said of it before holds.
        await bench.SteerAsync(HttpMethod.Post, "rollout/pause", new { reason = "Looked at." });
        await bench.AnswerAsync(bench.Nodes[0], domain.Refused(NodeErrorCodes.Oversized, revision: 2));
        var other = Assert.Single(await bench.PublishedAsync(1));
        await bench.App.Rows.ChangeAsync(other, sequence: 2, withdraw: true);
        await bench.PublishAsync();
        Assert.Equal(5, (await bench.RowAsync()).Revision);
        await bench.SteerAsync(HttpMethod.Post, "rollout/resume");
        await bench.StepAsync();
        Assert.Equal(5, (await bench.RowAsync()).ReleasedRevision);
    }

    [Fact]
    public async Task The_next_serving_node_takes_a_lost_canarys_place()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        var cursor = (await bench.Nodes[1].PollAsync()).Cursor;
        await bench.StandsAsync(bench.Nodes[0], NodeStanding.Lost);
        Assert.Equal("n2", (await bench.RolloutAsync())["canaryNodes"]![0]!.ToString());

        var domain = Assert.Single(await bench.PublishedAsync(1));

        Assert.Equal([domain.Id], await FleetBench.ReadAsync(bench.Nodes[1], cursor));
        await bench.AnswerAsync(bench.Nodes[1], domain.Served());
        await bench.StepAsync();
        Assert.Equal(1, (await bench.RowAsync()).ReleasedRevision);
    }

    [Fact]
    public async Task With_no_node_that_serves_nothing_is_released()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 1, canaries: 1);
        await bench.StandsAsync(bench.Nodes[0], NodeStanding.Lost);
        await bench.PublishedAsync(1);
        bench.App.Clock.Advance(TimeSpan.FromHours(1));

        await bench.StepAsync();

        var row = await bench.RowAsync();
        Assert.Equal((0, RolloutState.Running), (row.ReleasedRevision, row.Rollout));
    }

    [Fact]
    public async Task A_canary_that_serves_and_does_not_answer_is_told_of_and_its_answer_ends_it()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        var domain = Assert.Single(await bench.PublishedAsync(1));
        bench.App.Clock.Advance(TimeSpan.FromMinutes(11));
        await bench.StepAsync();

        var row = await bench.RowAsync();
        Assert.Equal((0, RolloutState.CanarySilent), (row.ReleasedRevision, row.Rollout));
        Assert.Equal(1, await bench.EventsAsync(EventTypes.CanarySilent));
        Assert.Equal("canarySilent", (await bench.RolloutAsync())["state"]!.ToString());

        await bench.AnswerAsync(bench.Nodes[0], domain.Served());
        await bench.StepAsync();

        row = await bench.RowAsync();
        Assert.Equal((1, RolloutState.Running), (row.ReleasedRevision, row.Rollout));
    }

    [Fact]
    public async Task A_canary_waits_no_longer_when_what_it_left_unanswered_is_withdrawn()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        var domain = Assert.Single(await bench.PublishedAsync(1));
        bench.App.Clock.Advance(TimeSpan.FromMinutes(11));
        await bench.StepAsync();
        Assert.Equal(RolloutState.CanarySilent, (await bench.RowAsync()).Rollout);

        await bench.App.Rows.ChangeAsync(domain, sequence: 2, withdraw: true);
        await bench.PublishAsync();
        await bench.StepAsync();

        var row = await bench.RowAsync();
        Assert.Equal((row.Revision, RolloutState.Running), (row.ReleasedRevision, row.Rollout));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_fleet_whose_row_is_held_holds_up_no_others_rollout(int held)
    {
        await using var one = await FleetBench.StartAsync(database, nodes: 1, canaries: 1);
        await using var two = await FleetBench.StartAsync(database, nodes: 1, canaries: 1);
        FleetBench[] benches = [one, two];
        var domains = new[] { (await one.PublishedAsync(1))[0], (await two.PublishedAsync(1))[0] };
        await using var holder = database.Open();
        await using var transaction = await holder.Database.BeginTransactionAsync();
        await holder.Database.ExecuteSqlAsync(
            $"SELECT 1 FROM fleets WHERE id = {benches[held].Fleet.Id} FOR NO KEY UPDATE");
        foreach (var (bench, domain) in benches.Zip(domains))
        {
            await using var db = database.Open();
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO node_observations (node_id, domain_id, revision, state, observed_at)
                 VALUES ({bench.Nodes[0].Id}, {domain.Id}, 1, 'Withdrawn', now())
                 """);
        }

        await benches[held].StepAsync();

        Assert.Equal(1, (await benches[1 - held].RowAsync()).ReleasedRevision);
        Assert.Equal(0, (await benches[held].RowAsync()).ReleasedRevision);
    }

    [Fact]
    public async Task A_node_that_joins_takes_all_there_is()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        var domain = Assert.Single(await bench.PublishedAsync(1));
        var late = await bench.App.EnrolAsync("late", bench.Fleet.Name);

        Assert.Equal(domain.Id, Assert.Single((await late.PollAsync()).Upserts).Domain);
    }

    [Fact]
    public async Task A_canary_ahead_of_a_pause_is_told_nothing_new_and_keeps_its_place()
    {
        await using var bench = await FleetBench.StartAsync(database, nodes: 2, canaries: 1);
        await bench.PublishedAsync(1);
        var ahead = (await bench.Nodes[0].PollAsync()).Cursor;
        await bench.SteerAsync(HttpMethod.Post, "rollout/pause", new { reason = "Looked at." });
        await bench.PublishedAsync(1);

        var page = await bench.Nodes[0].PollAsync(ahead);

        Assert.Empty(page.Upserts);
        Assert.Equal(ahead, page.Cursor);
    }
}
