using ControlPlane.Domains;
using ControlPlane.Jobs;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Jobs;

/// <summary>Two instances over one database, as two replicas are.</summary>
public sealed class WakesTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Any_number_of_rings_before_the_door_is_opened_are_one()
    {
        var signal = new WakeSignal(TimeProvider.System);
        signal.Ring();
        signal.Ring();

        await signal.WaitAsync(Timeout.InfiniteTimeSpan, default);
        using var ended = new CancellationTokenSource();
        var second = signal.WaitAsync(Timeout.InfiniteTimeSpan, ended.Token);

        Assert.False(second.IsCompleted);
        await ended.CancelAsync();
        await second;
    }

    [Fact]
    public async Task A_wake_on_one_replica_rings_the_stage_of_another_and_no_other_stage()
    {
        using var here = await StartAsync();
        using var there = await StartAsync();

        here.Wake(OrderState.PendingOrder);
        await RungAsync(here, OrderState.PendingOrder);
        await RungAsync(there, OrderState.PendingOrder);

        using var ended = new CancellationTokenSource();
        var other = there.SignalOf(OrderState.PendingDns).WaitAsync(Timeout.InfiniteTimeSpan, ended.Token);
        Assert.False(other.IsCompleted);
        await ended.CancelAsync();
        await StopAsync(here, there);
    }

    [Fact]
    public async Task A_replica_that_had_lost_its_connection_looks_everywhere_once()
    {
        using var wakes = await StartAsync();

        await using (var end = database.DataSource.CreateCommand(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND query = 'LISTEN order_wake'
            """))
        {
            await end.ExecuteNonQueryAsync();
        }

        foreach (var (state, _) in IssuancePath.Steps)
        {
            await RungAsync(wakes, state);
        }

        await StopAsync(wakes);
    }

    [Fact]
    public async Task A_state_without_a_stage_wakes_nobody()
    {
        using var wakes = new Wakes(database.DataSource, TimeProvider.System, NullLogger<Wakes>.Instance);

        wakes.Wake(OrderState.Active);

        using var ended = new CancellationTokenSource();
        var waits = IssuancePath.Steps.Select(step =>
            wakes.SignalOf(step.State).WaitAsync(Timeout.InfiniteTimeSpan, ended.Token)).ToList();
        Assert.All(waits, wait => Assert.False(wait.IsCompleted));
        await ended.CancelAsync();
        await Task.WhenAll(waits);
    }

    /// <summary>Started and listening: the rings of the first look are taken away.</summary>
    private async Task<Wakes> StartAsync()
    {
        var wakes = new Wakes(database.DataSource, TimeProvider.System, NullLogger<Wakes>.Instance);
        await wakes.StartAsync(default);
        foreach (var (state, _) in IssuancePath.Steps)
        {
            await RungAsync(wakes, state);
        }

        return wakes;
    }

    private static async Task RungAsync(Wakes wakes, OrderState state)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await wakes.SignalOf(state).WaitAsync(Timeout.InfiniteTimeSpan, deadline.Token);
        Assert.False(deadline.IsCancellationRequested, $"{state} was not rung.");
    }

    private static async Task StopAsync(params Wakes[] wakes)
    {
        foreach (var one in wakes)
        {
            await one.StopAsync(default);
        }
    }
}
