using ControlPlane.Campaigns.Working;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Campaigns.Planning;

/// <summary>
/// Foretells when each domain of a campaign will be proven, and writes it into the rows: from the windows of the CAs'
/// calls and what of them is spent, from how many successors a turn opens, and from what orders took lately.
/// </summary>
internal sealed class CampaignForecast(CallCosts costs, IOptions<CampaignOptions> options)
{
    /// <summary>Of one order while none was measured.</summary>
    private static readonly TimeSpan AssumedOrderTime = TimeSpan.FromSeconds(10);

    /// <summary>What of it waited for a customer or came in bulk, and so queued, says nothing about the rest.</summary>
    private const string MedianOrder =
        """
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took)
        FROM (SELECT extract(epoch FROM waited_for_us + waited_for_ca + waited_for_nodes)::float8 AS took FROM orders
              WHERE NOT in_bulk AND kind <> 'Adoption' AND bundle_id IS NOT NULL AND state IN ('Active', 'Superseded')
              ORDER BY id DESC LIMIT 200) latest
        """;

    private const string Open =
        """
        SELECT row.domain_id, EXISTS (
            SELECT 1 FROM orders, bundles JOIN orders own ON own.id = bundles.order_id
            WHERE bundles.id = row.bundle_id AND orders.domain_id = row.domain_id AND orders.sequence > own.sequence
              AND orders.state IN ('PendingDns', 'PendingOrder', 'PendingValidation', 'PendingIssuance',
                                   'PendingDeployment')),
            coalesce(domain.certificate_authority, tenant.certificate_authority, $2)
        FROM campaign_domains row
            JOIN domains domain ON domain.id = row.domain_id JOIN tenants tenant ON tenant.id = domain.tenant_id
        WHERE row.campaign_id = $1 AND row.state IN ('Planned', 'Waiting', 'Failed')
        ORDER BY row.rank
        """;

    /// <summary>For a (re)start at <paramref name="now"/>. The caller holds the campaign's row.</summary>
    public async Task<CampaignPlan> WriteAsync(
        NpgsqlConnection connection, Guid campaign, DateTimeOffset deadline, IReadOnlyList<LeftOut> missing,
        DateTimeOffset now, CancellationToken ct)
    {
        var rows = await ReadAsync(
            connection, Open, row => (Domain: row.GetGuid(0), IsUnderWay: row.GetBoolean(1), Ca: row.GetString(2)), ct,
            campaign, costs.Default);
        var skipped = await ReadAsync(
            connection,
            """
            SELECT obstacle, count(*) FROM campaign_domains WHERE campaign_id = $1 AND state = 'Skipped'
            GROUP BY obstacle ORDER BY obstacle
            """,
            row => new LeftOut(Enum.Parse<WhyLeftOut>(row.GetString(0)), row.GetInt32(1)), ct, campaign);
        var pace = await PaceAsync(connection, ct);
        string[] toOpen = [.. rows.Where(row => !row.IsUnderWay).Select(row => row.Ca)];
        var fresh = new Queue<TimeSpan>(pace.Proofs(toOpen, await SpentAsync(connection, ct)));
        var shares = toOpen.CountBy(ca => ca).OrderByDescending(ca => ca.Value).ThenBy(ca => ca.Key)
            .Select(ca => new CaShare(ca.Key, ca.Value, ca.Value * costs.PerOrder(ca.Key))).ToList();
        var expected = rows
            .Select(row => now + (row.IsUnderWay ? pace.OrderTime : fresh.Dequeue())).ToArray();
        await using (var write = connection.Command(
            """
            UPDATE campaign_domains row SET expected_at = foretold.at
            FROM unnest($2::uuid[], $3::timestamptz[]) AS foretold (domain_id, at)
            WHERE row.campaign_id = $1 AND row.domain_id = foretold.domain_id
            """,
            campaign, rows.Select(row => row.Domain).ToArray(), expected))
        {
            await write.ExecuteNonQueryAsync(ct);
        }

        var last = expected.Length == 0 ? now : expected.Max();
        var late = expected.Count(at => at > deadline);
        return new CampaignPlan(
            rows.Count + skipped.Sum(group => group.Count), rows.Count, rows.Count(row => row.IsUnderWay),
            [.. skipped, .. missing.Where(group => group.Count > 0)], shares.Sum(share => share.Calls), shares,
            Math.Round(pace.OrderTime.TotalSeconds, 1), Math.Round((last - now).TotalSeconds, 1), last, late == 0, late,
            late == 0 ? deadline - (last - now) : null);
    }

    private async Task<CampaignPace> PaceAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var median = connection.Command(MedianOrder);
        return new CampaignPace(
            costs, options.Value.OrdersPerTurn, CampaignSweep.BetweenTurns,
            await median.ExecuteScalarAsync(ct) is double seconds
                ? TimeSpan.FromSeconds(seconds)
                : AssumedOrderTime);
    }

    /// <summary>By the database's clock, as the budget itself counts.</summary>
    private static Task<List<SpentCalls>> SpentAsync(NpgsqlConnection connection, CancellationToken ct) => ReadAsync(
        connection,
        $"""
        SELECT account,
               greatest(0, extract(epoch FROM clock_timestamp()) - slot / {CallBudget.SlotsPerSecond}.0)::float8,
               granted::int
        FROM ca_budget_slots
        """,
        row => new SpentCalls(row.GetString(0), TimeSpan.FromSeconds(row.GetDouble(1)), row.GetInt32(2)), ct);

    private static async Task<List<T>> ReadAsync<T>(
        NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken ct,
        params object[] values)
    {
        await using var command = connection.Command(sql, values);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<T>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(read(reader));
        }

        return rows;
    }
}
