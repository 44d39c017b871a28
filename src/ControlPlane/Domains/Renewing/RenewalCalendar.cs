using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Renewing;

/// <summary>
/// How many renewals each day has already: counted over all domains at most once a minute, from an index, and by what
/// this replica plans in between. So that thousands of activations cost one count.
/// </summary>
internal sealed class RenewalCalendar(IDbContextFactory<ControlPlaneDb> databases, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan GoodFor = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _counting = new(1);
    private readonly Lock _guard = new();
    private Dictionary<DateOnly, int> _planned = [];
    private long? _countedAt;

    /// <summary>Counts anew when the last count is old. It needs a connection of its own: to be called with no
    /// transaction open, else those who wait for it might hold the last one.</summary>
    public async ValueTask RefreshAsync(CancellationToken ct)
    {
        if (IsFresh)
        {
            return;
        }

        await _counting.WaitAsync(ct);
        try
        {
            if (!IsFresh)
            {
                var counted = await CountAsync(ct);
                lock (_guard)
                {
                    (_planned, _countedAt) = (counted, time.GetTimestamp());
                }
            }
        }
        finally
        {
            _counting.Release();
        }
    }

    /// <summary>Plans the renewal of one certificate, by the last count.</summary>
    /// <inheritdoc cref="RenewalMoment.Choose"/>
    public DateTimeOffset Choose(Guid domain, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        lock (_guard)
        {
            var moment = RenewalMoment.Choose(
                domain, notBefore, notAfter, time.NowStored(), day => _planned.GetValueOrDefault(day));
            var chosen = DateOnly.FromDateTime(moment.UtcDateTime);
            _planned[chosen] = _planned.GetValueOrDefault(chosen) + 1;
            return moment;
        }
    }

    public void Dispose() => _counting.Dispose();

    private bool IsFresh
    {
        get
        {
            lock (_guard)
            {
                return _countedAt is { } counted && time.GetElapsedTime(counted) < GoodFor;
            }
        }
    }

    private async Task<Dictionary<DateOnly, int>> CountAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var today = new DateTimeOffset(time.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero);
        var days = await db.Database.SqlQuery<PlannedDay>(
            $"""
             SELECT (renew_at AT TIME ZONE 'UTC')::date AS "Day", count(*)::int AS "Renewals" FROM domains
             WHERE status = 'Active' AND renew_at >= {today} GROUP BY 1
             """).ToListAsync(ct);
        return days.ToDictionary(day => day.Day, day => day.Renewals);
    }

    private sealed record PlannedDay(DateOnly Day, int Renewals);
}
