using Npgsql;

namespace ControlPlane.CertificateAuthorities;

/// <summary>
/// The CA's rolling windows, counted by ourselves over all replicas in one place of the database. Calls are granted in
/// small batches to those who wait, and sent at once, so that none is sent much later than it was counted. Both windows
/// are real ones: after a quiet time, a burst may use all of them at once.
/// </summary>
internal sealed class CallBudget(
    NpgsqlDataSource database, TimeProvider time, string account, CallWindows windows) : ICallBudget
{
    /// <summary>Slots a second; finer ones give a burst back sooner, coarser ones make fewer rows.</summary>
    public const int SlotsPerSecond = 5;

    /// <summary>Renewals stop at 70 % of a window: the rest belongs to customers who wait.</summary>
    public const double RenewalShare = 0.7;

    /// <summary>Granted at a time: as many as wait, but no more than this, so that replicas take turns.</summary>
    private const int Batch = 10;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly int _shortWindow = InSlots(windows.ShortSeconds);
    private readonly int _longWindow = InSlots(windows.LongSeconds);
    private readonly Line _new = new(1.0);
    private readonly Line _renewals = new(RenewalShare);

    public async ValueTask ReserveAsync(CallPriority priority, CancellationToken ct)
    {
        var line = priority == CallPriority.New ? _new : _renewals;
        var turn = line.Join(out var first);
        if (first)
        {
            // Who finds nobody asking asks for all who stand in line, until the line is empty.
            _ = ServeAsync(line);
        }

        await using var gaveUp = ct.Register(() => turn.TrySetCanceled(ct));
        await turn.Task;
    }

    public async ValueTask ExhaustedAsync(TimeSpan? retryAfter, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            INSERT INTO ca_budgets (account, blocked_until) VALUES ($1, clock_timestamp() + $2)
            ON CONFLICT (account)
                DO UPDATE SET blocked_until = greatest(ca_budgets.blocked_until, excluded.blocked_until)
            """);
        command.Parameters.Add(new() { Value = account });
        command.Parameters.Add(new() { Value = retryAfter ?? TimeSpan.FromSeconds(5) });
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The window, and a second for the way from the grant to the CA.</summary>
    internal static int InSlots(int seconds) => (seconds + 1) * SlotsPerSecond;

    /// <summary>Counts and grants under the account's row lock. Two statements, because the second must see what was
    /// committed while the first waited.</summary>
    private async Task<int> GrantAsync(int wanted, double share, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var claim = new NpgsqlCommand(
            "INSERT INTO ca_budgets (account) VALUES ($1) "
                + "ON CONFLICT (account) DO UPDATE SET account = excluded.account",
            connection))
        {
            claim.Parameters.Add(new() { Value = account });
            await claim.ExecuteNonQueryAsync(ct);
        }

        await using var grant = new NpgsqlCommand(
            $"""
             WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * {SlotsPerSecond})::bigint AS now),
             forgotten AS (
                 DELETE FROM ca_budget_slots USING clock WHERE account = $1 AND slot < now - {2 * _longWindow}),
             used AS (
                 SELECT coalesce(sum(granted) FILTER (WHERE slot > now - {_shortWindow}), 0) AS short,
                        coalesce(sum(granted) FILTER (WHERE slot > now - {_longWindow}), 0) AS long
                 FROM clock LEFT JOIN ca_budget_slots ON account = $1),
             allowed AS (
                 SELECT least($3, floor({windows.ShortLimit} * $2) - short,
                              floor({windows.LongLimit} * $2) - long)::int AS n
                 FROM used)
             INSERT INTO ca_budget_slots (account, slot, granted)
             SELECT $1, now, n FROM clock, allowed
             WHERE n > 0
                 AND NOT EXISTS (SELECT 1 FROM ca_budgets WHERE account = $1 AND blocked_until > clock_timestamp())
             ON CONFLICT (account, slot) DO UPDATE SET granted = ca_budget_slots.granted + excluded.granted
             RETURNING (SELECT n FROM allowed)
             """,
            connection)
        {
            Parameters = { new() { Value = account }, new() { Value = share }, new() { Value = wanted } },
        };
        var granted = (int?)await grant.ExecuteScalarAsync(ct) ?? 0;
        await transaction.CommitAsync(ct);
        return granted;
    }

    private async Task ServeAsync(Line line)
    {
        while (line.Length is var waiting && waiting > 0)
        {
            try
            {
                var granted = await GrantAsync(Math.Min(waiting, Batch), line.Share, CancellationToken.None);
                if (granted > 0)
                {
                    line.Advance(granted);
                    continue;
                }

                await Task.Delay(Pause, time);
            }
            catch (Exception fault)
            {
                // The database is away: everyone in line learns it, and asks again on a schedule of their own.
                line.Fail(fault);
            }
        }
    }

    /// <summary>Who waits for a call of one priority, first come, first served. One that has given up meanwhile is
    /// passed over.</summary>
    private sealed class Line(double share)
    {
        private readonly Lock _guard = new();
        private readonly Queue<TaskCompletionSource> _waiting = new();
        private bool _served;

        public double Share { get; } = share;

        /// <summary>How many wait; at zero the one who serves leaves, in the same breath.</summary>
        public int Length
        {
            get
            {
                lock (_guard)
                {
                    while (_waiting.TryPeek(out var turn) && turn.Task.IsCompleted)
                    {
                        _waiting.Dequeue();
                    }

                    _served = _waiting.Count > 0;
                    return _waiting.Count;
                }
            }
        }

        public TaskCompletionSource Join(out bool first)
        {
            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_guard)
            {
                _waiting.Enqueue(turn);
                first = !_served;
                _served = true;
            }

            return turn;
        }

        public void Advance(int granted)
        {
            lock (_guard)
            {
                while (granted > 0 && _waiting.TryDequeue(out var turn))
                {
                    granted -= turn.TrySetResult() ? 1 : 0;
                }
            }
        }

        public void Fail(Exception fault)
        {
            lock (_guard)
            {
                while (_waiting.TryDequeue(out var turn))
                {
                    turn.TrySetException(fault);
                }
            }
        }
    }
}
