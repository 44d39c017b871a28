using ControlPlane.Domains.Renewing;
using Npgsql;

namespace ControlPlane.Forecasts.Coming;

/// <summary>So many renewals within one hour, of certificates that live equally long.</summary>
/// <param name="Hour">Its beginning; now, for those that are due.</param>
/// <param name="LifetimeHours">Of their certificates.</param>
/// <param name="Domains">How many.</param>
internal sealed record PlannedRenewal(DateTimeOffset Hour, int LifetimeHours, int Domains);

/// <summary>Reads when the domains that are served will be renewed. Those with an order under way are counted with the
/// orders, and those whose renewals have stopped not at all.</summary>
internal static class PlannedRenewals
{
    public static async Task<IReadOnlyList<PlannedRenewal>> ReadAsync(
        NpgsqlDataSource database, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT domain.id, bundle.not_before, bundle.not_after
            FROM domains domain JOIN bundles bundle ON bundle.id = domain.active_bundle_id
            WHERE domain.status = 'Active' AND domain.renewals_stopped_at IS NULL AND domain.id NOT IN (
                SELECT domain_id FROM orders WHERE state IN ({OpenWork.UnderWay}))
            ORDER BY bundle.not_after, domain.id
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var byDay = new Dictionary<DateOnly, int>();
        var counts = new Dictionary<(DateTimeOffset, int), int>();
        while (await reader.ReadAsync(ct))
        {
            var notBefore = reader.GetFieldValue<DateTimeOffset>(1);
            var notAfter = reader.GetFieldValue<DateTimeOffset>(2);
            var moment = RenewalMoment.Choose(
                reader.GetGuid(0), notBefore, notAfter, now, day => byDay.GetValueOrDefault(day));
            var day = DateOnly.FromDateTime(moment.UtcDateTime);
            byDay[day] = byDay.GetValueOrDefault(day) + 1;
            var key = (ComingHours.HourOf(moment), (int)Math.Round((notAfter - notBefore).TotalHours));
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        return [.. counts.Select(one => new PlannedRenewal(one.Key.Item1, one.Key.Item2, one.Value))];
    }
}
