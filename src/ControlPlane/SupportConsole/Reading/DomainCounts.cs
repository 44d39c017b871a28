using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using Npgsql;

namespace ControlPlane.SupportConsole.Reading;

/// <summary>So many domains of a fleet are stored with this status.</summary>
internal sealed record StatusCount(DomainStatus Status, Guid Fleet, long Domains);

/// <summary>So many domains show this reason; null for none that this program knows.</summary>
internal sealed record ReasonCount(Reason? Reason, long Domains);

/// <summary>
/// Counts of all domains, without reading them: by status from an index alone, by reason from the orders that are not
/// served. The reasons are those that <see cref="DomainFacts.ReasonOf(Domain, Order)"/> finds for each domain.
/// </summary>
internal static class DomainCounts
{
    public static async Task<IReadOnlyList<StatusCount>> ByStatusAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT status, fleet_id, count(*) FROM domains
            WHERE status IN ('Pending', 'Active', 'Failed', 'Deleting') GROUP BY status, fleet_id
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var counts = new List<StatusCount>();
        while (await reader.ReadAsync(ct))
        {
            counts.Add(new StatusCount(
                Enum.Parse<DomainStatus>(reader.GetString(0)), reader.GetGuid(1), reader.GetInt64(2)));
        }

        return counts;
    }

    /// <summary>Most domains first.</summary>
    public static async Task<IReadOnlyList<ReasonCount>> ByReasonAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            WITH odd AS (
                SELECT id, CASE WHEN renewals_stopped_at IS NULL THEN $1 ELSE $2 END AS code
                FROM domains WHERE dns_away_since IS NOT NULL AND status = 'Active'
                UNION ALL
                SELECT id, $3 FROM domains WHERE status = 'Failed' AND claim = 'Lost')
            SELECT reason, state, count(*) FROM orders one
            WHERE (reason IS NOT NULL OR state NOT IN ('Active', 'Superseded', 'Canceled'))
              AND NOT EXISTS (SELECT FROM orders later
                              WHERE later.domain_id = one.domain_id AND later.sequence > one.sequence)
              AND domain_id NOT IN (SELECT id FROM odd)
            GROUP BY reason, state
            UNION ALL
            SELECT code, NULL, count(*) FROM odd GROUP BY code
            """);
        foreach (var reason in new[] { Reasons.DnsMovedAway, Reasons.RenewalsStopped, Reasons.OwnershipLost })
        {
            command.Parameters.Add(new() { Value = reason.Code });
        }

        await using var reader = await command.ExecuteReaderAsync(ct);
        var found = new List<ReasonCount>();
        while (await reader.ReadAsync(ct))
        {
            var code = await reader.IsDBNullAsync(0, ct) ? "" : reader.GetString(0);
            var reason = Reasons.ByCode.TryGetValue(code, out var told)
                ? told
                : DomainFacts.ReasonOfState.GetValueOrDefault(Enum.Parse<OrderState>(reader.GetString(1)));
            found.Add(new ReasonCount(reason, reader.GetInt64(2)));
        }

        return
        [
            .. found.GroupBy(count => count.Reason)
                .Select(group => new ReasonCount(group.Key, group.Sum(count => count.Domains)))
                .OrderByDescending(count => count.Domains),
        ];
    }

    /// <summary>Active domains that a serving node answered for and does not serve, in fleets without a lost
    /// node.</summary>
    public static async Task<long> UnservedAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT count(DISTINCT seen.domain_id) FROM node_observations seen
            JOIN nodes ON nodes.id = seen.node_id AND nodes.standing = 'Serving'
            JOIN domains ON domains.id = seen.domain_id AND domains.status = 'Active'
                AND domains.fleet_id = nodes.fleet_id
            WHERE seen.state <> 'Serving'
              AND NOT EXISTS (SELECT FROM nodes lost WHERE lost.fleet_id = nodes.fleet_id AND lost.standing = 'Lost')
            """);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }
}
