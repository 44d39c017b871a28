using System.Collections.Concurrent;
using ControlPlane.Domains;
using ControlPlane.Domains.Running;
using ControlPlane.Jobs;
using ControlPlane.Nodes;
using ControlPlane.Tests.Domains;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Jobs;

/// <summary>Claims, leases and their ends: real stages over one database, with a step of the test's own.</summary>
public sealed class StageTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Two_stages_over_one_database_run_each_order_once()
    {
        const int Orders = 60;
        await using var bench = await PathBench.StartAsync(database);
        var runs = new ConcurrentQueue<Guid>();
        for (var n = 0; n < Orders; n++)
        {
            await bench.OrderAsync(OrderState.PendingDns);
        }

        using var one = NewStage(bench, Step);
        using var two = NewStage(bench, Step);
        await Task.WhenAll(one.StartAsync(default), two.StartAsync(default));
        await Eventually.TrueAsync(
            async () => await CountAsync(bench, OrderState.PendingOrder) == Orders, "every order moved");
        await Task.WhenAll(one.StopAsync(default), two.StopAsync(default));

        Assert.Equal(Orders, runs.Count);
        Assert.Equal(Orders, runs.Distinct().Count());

        Task<StepResult> Step(OrderRun run, CancellationToken ct)
        {
            runs.Enqueue(run.Order.Id);
            return Task.FromResult<StepResult>(new StepResult.Advance(OrderState.PendingOrder, "Done."));
        }
    }

    [Fact]
    public async Task Who_waits_for_one_name_goes_before_a_file_of_names()
    {
        await using var bench = await PathBench.StartAsync(database);
        for (var n = 0; n < 20; n++)
        {
            await bench.OrderAsync(OrderState.PendingDns, order =>
            {
                order.InBulk = true;
                order.NextAttemptAt -= TimeSpan.FromMinutes(1);
            });
        }

        var single = await bench.OrderAsync(OrderState.PendingDns);
        var runs = new ConcurrentQueue<Guid>();
        using var stage = NewStage(bench, Step, parallelism: 1);
        await stage.StartAsync(default);
        await Eventually.TrueAsync(
            async () => await CountAsync(bench, OrderState.PendingOrder) == 21, "every order moved");
        await stage.StopAsync(default);
        Assert.Equal(single.Id, runs.First());

        Task<StepResult> Step(OrderRun run, CancellationToken ct)
        {
            runs.Enqueue(run.Order.Id);
            return Task.FromResult<StepResult>(new StepResult.Advance(OrderState.PendingOrder, "Done."));
        }
    }

    [Fact]
    public async Task A_lease_that_has_run_out_is_taken_over_and_the_first_worker_then_changes_nothing()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingDns);
        var slow = new TaskCompletionSource();
        var runs = 0;
        using var stage = NewStage(bench, Step);
        var abandoned = await bench.ClaimAsync(order, TimeSpan.FromMilliseconds(-1));
        var runner = NewRunner(bench, async (_, _) =>
        {
            await slow.Task;
            return new StepResult.Advance(OrderState.PendingOrder, "Too late.");
        });
        var late = runner.RunAsync(abandoned, PathBench.Lease, bench.Clock.GetTimestamp(), default);

        await stage.StartAsync(default);
        await Eventually.TrueAsync(async () => (await bench.ReadAsync(order)).Snoozes == 1, "the order was taken over");
        slow.SetResult();
        await late;
        await stage.StopAsync(default);

        Assert.Equal(1, runs);
        Assert.Equal(OrderState.PendingDns, (await bench.ReadAsync(order)).State);

        Task<StepResult> Step(OrderRun run, CancellationToken ct)
        {
            runs++;
            return Task.FromResult<StepResult>(Snooze());
        }
    }

    [Fact]
    public async Task News_that_arrives_while_a_step_holds_the_lease_makes_the_order_due_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        var turns = 0;
        var runner = NewRunner(bench, async (run, ct) =>
        {
            if (++turns == 1)
            {
                await using var connection = await database.DataSource.OpenConnectionAsync(ct);
                Assert.Equal(
                    [OrderState.PendingDeployment],
                    await DueOrders.OfFleetAsync(connection, bench.FleetId, bench.Clock.GetUtcNow(), ct));
            }

            return Snooze();
        });

        await runner.RunAsync(await bench.ClaimAsync(order), PathBench.Lease, bench.Clock.GetTimestamp(), default);
        Assert.Equal(bench.Clock.GetUtcNow(), (await bench.ReadAsync(order)).NextAttemptAt);

        await runner.RunAsync(await bench.ClaimAsync(order), PathBench.Lease, bench.Clock.GetTimestamp(), default);
        Assert.Equal(bench.Clock.GetUtcNow().AddHours(1), (await bench.ReadAsync(order)).NextAttemptAt);
    }

    [Fact]
    public async Task A_surprise_is_retried_on_the_schedule_and_fails_loudly_at_its_end()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingDns);
        var runner = NewRunner(
            bench, (_, _) => throw new InvalidOperationException("A canary that no reason may show."));
        foreach (var wait in RetrySchedules.AfterSurprise)
        {
            await runner.RunAsync(await bench.ClaimAsync(order), PathBench.Lease, bench.Clock.GetTimestamp(), default);
            var retried = await bench.ReadAsync(order);
            Assert.Equal(("surprise", bench.Clock.GetUtcNow() + wait), (retried.Reason, retried.NextAttemptAt));
            Assert.Null(retried.LeaseToken);
            bench.Clock.Advance(wait);
        }

        await runner.RunAsync(await bench.ClaimAsync(order), PathBench.Lease, bench.Clock.GetTimestamp(), default);

        var failed = await bench.ReadAsync(order);
        Assert.Equal((OrderState.Failed, "surprise"), (failed.State, failed.Reason));
        Assert.DoesNotContain("canary", failed.ReasonDetail);
        Assert.Equal(DomainStatus.Failed, failed.Domain.Status);
    }

    [Fact]
    public async Task Waiting_costs_no_attempt_and_is_told_once_for_each_reason()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingDns);
        var runner = NewRunner(bench, (_, _) => Task.FromResult<StepResult>(Snooze()));
        for (var turn = 0; turn < 3; turn++)
        {
            await runner.RunAsync(await bench.ClaimAsync(order), PathBench.Lease, bench.Clock.GetTimestamp(), default);
            bench.Clock.Advance(TimeSpan.FromHours(1));
        }

        var waiting = await bench.ReadAsync(order);
        Assert.Equal((0, 3), (waiting.Attempts, waiting.Snoozes));
        Assert.Equal([EventTypes.DomainWaiting], await bench.EventsAsync(order));
    }

    [Fact]
    public async Task A_stage_that_stops_gives_its_leases_back()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingDns);
        var started = new TaskCompletionSource();
        using var stage = NewStage(bench, async (_, ct) =>
        {
            started.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
            return Snooze();
        });
        await stage.StartAsync(default);
        await started.Task;

        await stage.StopAsync(default);

        var given = await bench.ReadAsync(order);
        Assert.Equal((null, null, 0), (given.LeaseToken, given.LeaseUntil, given.Attempts));
        Assert.True(given.NextAttemptAt <= bench.Clock.GetUtcNow());
    }

    [Fact]
    public async Task An_order_whose_deletion_was_requested_is_moved_before_its_step_is_asked()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingDns, row => row.CancelRequestedAt = row.CreatedAt);
        var runner = NewRunner(bench, (_, _) => throw new InvalidOperationException("Nobody asks this step."));

        await runner.RunAsync(await bench.ClaimAsync(order), PathBench.Lease, bench.Clock.GetTimestamp(), default);

        Assert.Equal(OrderState.Canceling, (await bench.ReadAsync(order)).State);
    }

    private static StepResult.Snooze Snooze() =>
        new(TimeSpan.FromHours(1), ControlPlane.Http.Reasons.DnsNotThere, "Not yet.");

    private static Task<int> CountAsync(PathBench bench, OrderState state) => bench.ValueAsync<int>(
        $"""SELECT count(*)::int AS "Value" FROM orders WHERE state = {state.ToString()}""");

    private static OrderRunner NewRunner(PathBench bench, Func<OrderRun, CancellationToken, Task<StepResult>> step) =>
        bench.NewRunner(new OneStep(new TestStep(step)));

    private static Stage NewStage(
        PathBench bench, Func<OrderRun, CancellationToken, Task<StepResult>> step, int parallelism = 6) => new(
        OrderState.PendingDns,
        bench.Wakes.SignalOf(OrderState.PendingDns),
        bench,
        NewRunner(bench, step),
        bench.Clock,
        Options.Create(new JobOptions { Lease = PathBench.Lease, Parallelism = parallelism }),
        NullLogger<Stage>.Instance);

    private sealed class TestStep(Func<OrderRun, CancellationToken, Task<StepResult>> step) : IStep
    {
        public Task<StepResult> RunAsync(OrderRun run, CancellationToken ct) => step(run, ct);
    }

    /// <summary>Whichever step is asked for: the test's own.</summary>
    private sealed class OneStep(IStep step) : IServiceProvider
    {
        public object GetService(Type serviceType) => step;
    }
}
