using System.Globalization;
using ControlPlane.Database;
using Npgsql;

namespace ControlPlane.SupportConsole.Pages;

/// <summary>When the certificates end that are served: so many on each day.</summary>
/// <param name="First">A Monday.</param>
/// <param name="Days">By day, those with any.</param>
/// <param name="Over">Served although they have ended.</param>
internal sealed record ExpiryCalendar(DateOnly First, IReadOnlyDictionary<DateOnly, long> Days, long Over)
{
    public const int Weeks = 14;

    public long Most => Days.Count == 0 ? 0 : Days.Values.Max();

    /// <summary>Of a week.</summary>
    public long Sum(DateOnly monday) => Enumerable.Range(0, 7).Sum(day => Days.GetValueOrDefault(monday.AddDays(day)));
}

/// <summary>The domains whose certificates end on one day.</summary>
internal sealed record ExpiryDay(DateOnly Day, IReadOnlyList<EndingDomain> Domains, bool HasMore);

/// <summary>A domain and the end of the certificate it is served with.</summary>
internal sealed record EndingDomain(Guid Id, string Hostname, string Tenant, string Fleet, DateTimeOffset End);

/// <summary>The expiry calendar, and each of its days.</summary>
internal static class ExpiryPages
{
    private const int PageSize = 500;

    /// <summary>Certificates that ended longer ago count no more: those names have left.</summary>
    private const int OverDays = 30;

    private const string Served =
        """
        FROM bundles bundle JOIN domains domain ON domain.id = bundle.domain_id
            AND domain.active_bundle_id = bundle.id AND domain.status = 'Active'
        """;

    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet("expiry", CalendarAsync).WithName("ConsoleExpiry");
        pages.MapGet("expiry/{day}", DayAsync).WithName("ConsoleExpiryDay");
    }

    private static async Task<IResult> CalendarAsync(
        NpgsqlDataSource database, TimeProvider time, CancellationToken ct, string? from = null)
    {
        var now = time.GetUtcNow().ToUniversalTime();
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var start = Read(from) is { Year: > 2000 and < 9000 } given ? given : today;
        var first = start.AddDays(-(((int)start.DayOfWeek + 6) % 7));
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var command = connection.Command(
            $"""
            SELECT (bundle.not_after AT TIME ZONE 'UTC')::date, count(*) {Served}
            WHERE bundle.not_after >= $1 AND bundle.not_after < $2 GROUP BY 1
            """,
            At(first), At(first.AddDays(7 * ExpiryCalendar.Weeks)));
        var days = new Dictionary<DateOnly, long>();
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
            {
                days.Add(reader.GetFieldValue<DateOnly>(0), reader.GetInt64(1));
            }
        }

        await using var over = connection.Command(
            $"SELECT count(*) {Served} WHERE bundle.not_after >= $1 AND bundle.not_after < $2",
            now.AddDays(-OverDays), now);
        var calendar = new ExpiryCalendar(first, days, (long)(await over.ExecuteScalarAsync(ct))!);
        return new HtmlPage<ExpiryPage>("Expiry", calendar);
    }

    private static async Task<IResult> DayAsync(string day, NpgsqlDataSource database, CancellationToken ct)
    {
        if (Read(day) is not { Year: > 2000 and < 9000 } wanted)
        {
            return Notice.Page(StatusCodes.Status404NotFound, "That is no day.", "Choose one in the calendar.");
        }

        await using var connection = await database.OpenConnectionAsync(ct);
        await using var command = connection.Command(
            $"""
            SELECT domain.id, domain.hostname, tenants.name, fleets.name, bundle.not_after {Served}
            JOIN tenants ON tenants.id = domain.tenant_id JOIN fleets ON fleets.id = domain.fleet_id
            WHERE bundle.not_after >= $1 AND bundle.not_after < $2 ORDER BY bundle.not_after, domain.id LIMIT $3
            """,
            At(wanted), At(wanted.AddDays(1)), PageSize + 1);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var domains = new List<EndingDomain>();
        while (await reader.ReadAsync(ct))
        {
            domains.Add(new EndingDomain(
                reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetString(3),
                reader.GetFieldValue<DateTimeOffset>(4)));
        }

        return new HtmlPage<ExpiryDayPage>(
            $"Expiry on {day}", new ExpiryDay(wanted, [.. domains.Take(PageSize)], domains.Count > PageSize));
    }

    private static DateOnly? Read(string? day) => DateOnly.TryParseExact(
        day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var read) ? read : null;

    private static DateTimeOffset At(DateOnly day) => new(day, TimeOnly.MinValue, TimeSpan.Zero);
}
