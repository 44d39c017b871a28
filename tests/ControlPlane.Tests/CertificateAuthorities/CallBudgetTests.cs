using ControlPlane.CertificateAuthorities;
using Npgsql;

namespace ControlPlane.Tests.CertificateAuthorities;

/// <summary>
/// Two replicas over one database. The windows roll by the database's clock, so that what must not roll away during a
/// test is counted in slots ahead of it.
/// </summary>
public sealed class CallBudgetTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const int Ahead = 100_000;
    private readonly string _account = Guid.NewGuid().ToString("N");

    [Fact]
    public async Task Together_they_never_get_more_than_the_short_window_holds()
    {
        using var stop = new CancellationTokenSource();
        var (one, two) = (NewBudget(), NewBudget());
        var sent = 0;
        var asking = Enumerable.Range(0, 300).Select(n => AskAsync(n % 2 == 0 ? one : two)).ToList();

        await Eventually.TrueAsync(async () => await GrantedAsync() >= 95, "a window was used up");
        await stop.CancelAsync();
        await Task.WhenAll(asking);

        Assert.InRange(sent, 1, await GrantedAsync());
        // Any 30 slots in a row: the 5 s of the CA and our own second of grace.
        Assert.InRange(await NumberAsync(
            """
            SELECT max(window_sum)::int FROM (
                SELECT sum(granted) OVER (ORDER BY slot RANGE BETWEEN 29 PRECEDING AND CURRENT ROW) AS window_sum
                FROM ca_budget_slots WHERE account = $1) AS windows
            """), 1, 95);

        async Task AskAsync(CallBudget budget)
        {
            try
            {
                await budget.ReserveAsync(CallPriority.New, stop.Token);
                Interlocked.Increment(ref sent);
            }
            catch (OperationCanceledException)
            {
                Assert.True(stop.IsCancellationRequested);
            }
        }
    }

    [Theory]
    [InlineData(85, Ahead, 10)]
    [InlineData(95, Ahead, 0)]
    [InlineData(945, -200, 5)]
    [InlineData(950, -200, 0)]
    public async Task What_a_window_has_left_is_all_that_two_replicas_get_of_it(int used, int slot, int left)
    {
        await UseAsync(used, slot);
        using var stop = new CancellationTokenSource();
        var (one, two) = (NewBudget(), NewBudget());
        var sent = 0;
        var asking = Enumerable.Range(0, 40).Select(n => AskAsync(n % 2 == 0 ? one : two)).ToList();

        await Eventually.TrueAsync(async () => await GrantedAsync() >= used + left, "what was left was granted");
        stop.CancelAfter(TimeSpan.FromMilliseconds(500));
        await Task.WhenAll(asking);

        Assert.True(sent <= left, $"{sent} of {left}");
        Assert.Equal(used + left, await GrantedAsync());

        async Task AskAsync(CallBudget budget)
        {
            try
            {
                await budget.ReserveAsync(CallPriority.New, stop.Token);
                Interlocked.Increment(ref sent);
            }
            catch (OperationCanceledException)
            {
                Assert.True(stop.IsCancellationRequested);
            }
        }
    }

    [Theory]
    [InlineData(66, Ahead)]
    [InlineData(665, -200)]
    public async Task Renewals_stop_at_70_per_cent_and_leave_the_rest_to_customers_who_wait(int used, int slot)
    {
        await UseAsync(used, slot);
        using var stop = new CancellationTokenSource();
        var budget = NewBudget();
        var renewal = budget.ReserveAsync(CallPriority.Renewal, stop.Token).AsTask();

        await budget.ReserveAsync(CallPriority.New, default);

        Assert.False(renewal.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => renewal);
    }

    [Fact]
    public async Task After_a_429_nobody_is_granted_a_call_on_any_replica()
    {
        var (one, two) = (NewBudget(), NewBudget());
        await one.ReserveAsync(CallPriority.New, default);
        var before = await GrantedAsync();

        await one.ExhaustedAsync(TimeSpan.FromHours(1), default);
        await two.ExhaustedAsync(TimeSpan.FromSeconds(1), default);

        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => one.ReserveAsync(CallPriority.New, stop.Token).AsTask());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => two.ReserveAsync(CallPriority.New, stop.Token).AsTask());
        Assert.Equal(before, await GrantedAsync());
    }

    [Fact]
    public async Task One_account_knows_nothing_of_another()
    {
        await UseAsync(95, Ahead);

        var other = new CallBudget(
            database.DataSource, TimeProvider.System, _account + "-other", CallWindows.CertCentral);
        await other.ReserveAsync(CallPriority.New, default);
    }

    private CallBudget NewBudget() => new(database.DataSource, TimeProvider.System, _account, CallWindows.CertCentral);

    /// <summary>Counts calls as if they had been granted that many slots from now.</summary>
    private async Task UseAsync(int calls, int slot)
    {
        await using var command = database.DataSource.CreateCommand(
            """
            WITH account AS (INSERT INTO ca_budgets (account) VALUES ($1) RETURNING account)
            INSERT INTO ca_budget_slots (account, slot, granted)
            SELECT account, (extract(epoch FROM clock_timestamp()) * 5)::bigint + $3, $2 FROM account
            """);
        command.Parameters.Add(new() { Value = _account });
        command.Parameters.Add(new() { Value = calls });
        command.Parameters.Add(new() { Value = slot });
        await command.ExecuteNonQueryAsync();
    }

    private Task<int> GrantedAsync() =>
        NumberAsync("SELECT coalesce(sum(granted), 0)::int FROM ca_budget_slots WHERE account = $1");

    private async Task<int> NumberAsync(string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter { Value = _account });
        return (int)(await command.ExecuteScalarAsync())!;
    }
}
