using Npgsql;

namespace ControlPlane.CertificateAuthorities;

/// <summary>
/// The CA's rolling windows, counted by ourselves over all replicas in one place of the database: CertCentral answers
/// 429 above 100 calls in 5 s or 1000 in 3 min, per key. Calls are granted in small batches that lapse after a moment,
/// so that a grant is never sent much later than it was counted. Both windows are real ones: after a quiet time, a
/// burst may use all of them at once.
/// </summary>
internal sealed class CallBudget(NpgsqlDataSource database, TimeProvider time, string account) : ICallBudget
{
    /// <summary>Slots a second; finer ones give a burst back sooner, coarser ones make fewer rows.</summary>
    private const int SlotsPerSecond = 5;

    /// <summary>A granted call is sent within this or lapses. Counted on top of both windows.</summary>
    private static readonly TimeSpan Lapse = TimeSpan.FromMilliseconds(400);

    /// <summary>5 s, the lapse, and half a second for the way to the CA: in slots.</summary>
    private const int ShortWindow = 30;

    /// <summary>180 s and the same: in slots.</summary>
    private const int LongWindow = 905;

    /// <summary>5 % under the CA's own figures, which count arrivals, not departures.</summary>
    private const int ShortLimit = 95;

    private const int LongLimit = 950;

    /// <summary>Renewals stop at 70 % of a window: the rest belongs to customers who wait.</summary>
    private const double RenewalShare = 0.7;

    /// <summary>Granted at a time: enough for the stages' parallel work, little to lapse unused.</summary>
    private const int Batch = 10;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly Share _new = new(1.0);
    private readonly Share _renewals = new(RenewalShare);

    public async ValueTask ReserveAsync(CallPriority priority, CancellationToken ct)
    {
        var share = priority == CallPriority.New ? _new : _renewals;
        while (!share.TryTake(time))
        {
            // One asks for all: the others wait here and find what it was granted.
            await share.Asking.WaitAsync(ct);
            try
            {
                if (share.TryTake(time))
                {
                    return;
                }

                var granted = await GrantAsync(share.Of, ct);
                if (granted > 0)
                {
                    share.Put(granted, time.GetTimestamp());
                }
                else
                {
                    await Task.Delay(Pause, time, ct);
                }
            }
            finally
            {
                share.Asking.Release();
            }
        }
    }

    public async ValueTask ExhaustedAsync(TimeSpan? retryAfter, CancellationToken ct)
    {
        _new.Clear();
        _renewals.Clear();
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

    /// <summary>Counts and grants under the account's row lock. Two statements, because the second must see what was
    /// committed while the first waited.</summary>
    private async Task<int> GrantAsync(double share, CancellationToken ct)
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
                 DELETE FROM ca_budget_slots USING clock WHERE account = $1 AND slot < now - {2 * LongWindow}),
             used AS (
                 SELECT coalesce(sum(granted) FILTER (WHERE slot > now - {ShortWindow}), 0) AS short,
                        coalesce(sum(granted) FILTER (WHERE slot > now - {LongWindow}), 0) AS long
                 FROM clock LEFT JOIN ca_budget_slots ON account = $1),
             allowed AS (
                 SELECT least({Batch}, floor({ShortLimit} * $2) - short, floor({LongLimit} * $2) - long)::int AS n
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
            Parameters = { new() { Value = account }, new() { Value = share } },
        };
        var granted = (int?)await grant.ExecuteScalarAsync(ct) ?? 0;
        await transaction.CommitAsync(ct);
        return granted;
    }

    /// <summary>What this replica holds for one priority at the moment.</summary>
    private sealed class Share(double of)
    {
        private readonly Lock _taking = new();
        private int _left;
        private long _grantedAt;

        public double Of { get; } = of;

        public SemaphoreSlim Asking { get; } = new(1, 1);

        public bool TryTake(TimeProvider time)
        {
            lock (_taking)
            {
                if (_left == 0 || time.GetElapsedTime(_grantedAt) > Lapse)
                {
                    return false;
                }

                _left--;
                return true;
            }
        }

        public void Put(int granted, long at)
        {
            lock (_taking)
            {
                (_left, _grantedAt) = (granted, at);
            }
        }

        public void Clear()
        {
            lock (_taking)
            {
                _left = 0;
            }
        }
    }
}
