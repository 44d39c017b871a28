using ControlPlane.Database;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Campaigns.Planning;

/// <summary>Finds a campaign's domains and ranks them. One statement judges all of them, by what is served at the
/// moment.</summary>
internal static class CampaignRows
{
    /// <summary>Why a domain cannot be replaced; null: it can. The first that holds.</summary>
    private const string Obstacle =
        """
        CASE WHEN domain.status <> 'Active' OR domain.claim = 'Lost' THEN 'Gone'
             WHEN EXISTS (SELECT 1 FROM campaign_domains other
                          WHERE other.domain_id = domain.id AND other.campaign_id <> $1
                            AND other.state IN ('Waiting', 'Ordered', 'Failed')) THEN 'OtherCampaign'
             WHEN domain.dns_away_since IS NOT NULL OR domain.renewals_stopped_at IS NOT NULL THEN 'Left' END
        """;

    private const string Insert =
        $"""
        INSERT INTO campaign_domains (campaign_id, domain_id, bundle_id, rank, state, obstacle)
        SELECT $1, found.domain_id, found.bundle_id,
               row_number() OVER (ORDER BY found.class, found.not_after, found.domain_id),
               CASE WHEN found.obstacle IS NULL THEN 'Planned' ELSE 'Skipped' END, found.obstacle
        FROM (
            SELECT domain.id AS domain_id, bundle.id AS bundle_id, bundle.not_after, {Obstacle} AS obstacle,
                   coalesce(array_position($2::text[], domain.metadata ->> $3::text), cardinality($2) + 1) AS class
            FROM domains domain JOIN bundles bundle ON bundle.id = domain.active_bundle_id
            WHERE ($4::text[] IS NULL OR ltrim(bundle.serial, '0') = ANY ($4))
              AND ($5::text[] IS NULL OR bundle.issuer = ANY ($5))
              AND ($6::text IS NULL OR domain.key_algorithm = $6)
              AND ($7::uuid IS NULL OR EXISTS (
                  SELECT 1 FROM bundle_releases WHERE node_id = $7 AND bundle_releases.bundle_id = bundle.id))
              AND ($8::timestamptz IS NULL OR bundle.not_after < $8)
              AND ($9::timestamptz IS NULL OR bundle.not_after >= $9)
              AND ($10::uuid IS NULL OR domain.tenant_id = $10)
              AND ($11::text[] IS NULL OR domain.hostname = ANY ($11))) found
        """;

    /// <summary>Adds the rows, and returns how many certificates were asked for by serial number that are not in use,
    /// that nobody knows, and how many names that are not served.</summary>
    public static async Task<IReadOnlyList<LeftOut>> InsertAsync(
        NpgsqlConnection connection, Guid campaign, CampaignFilter filter, ResolvedFilter found,
        TrafficClasses? classes, CancellationToken ct)
    {
        var serials = filter.Serials?.Select(CampaignFilter.Serial).Distinct().ToList();
        var names = filter.Hostnames?.Distinct(StringComparer.Ordinal).ToList();
        await using var insert = connection.Command(
            Insert, campaign, SqlCommands.Texts(classes?.Order ?? []), Maybe(classes?.Metadata), Array(serials),
            Array(found.Issuers), Maybe(filter.KeyAlgorithm?.ToString()), Maybe(found.Node),
            Maybe(filter.ExpiresBefore?.ToUniversalTime()), Maybe(filter.ExpiresAfter?.ToUniversalTime()),
            Maybe(found.Tenant), Array(names));
        await insert.ExecuteNonQueryAsync(ct);
        List<LeftOut> missing = [];
        if (serials is not null)
        {
            await using var count = connection.Command(
                """
                SELECT count(*) FILTER (WHERE known AND NOT used), count(*) FILTER (WHERE NOT known)
                FROM (
                    SELECT bool_or(bundle.id IS NOT NULL) AS known, bool_or(domain.id IS NOT NULL) AS used
                    FROM unnest($1::text[]) AS asked (serial)
                    LEFT JOIN bundles bundle ON ltrim(bundle.serial, '0') = asked.serial
                    LEFT JOIN domains domain ON domain.active_bundle_id = bundle.id
                    GROUP BY asked.serial) listed
                """,
                SqlCommands.Texts(serials));
            await using var reader = await count.ExecuteReaderAsync(ct);
            await reader.ReadAsync(ct);
            missing.Add(new(WhyLeftOut.NotInUse, reader.GetInt32(0)));
            missing.Add(new(WhyLeftOut.UnknownSerial, reader.GetInt32(1)));
        }

        if (names is not null)
        {
            await using var count = connection.Command(
                """
                SELECT count(*) FROM unnest($1::text[]) AS name
                WHERE NOT EXISTS (
                    SELECT 1 FROM domains WHERE hostname = name AND active_bundle_id IS NOT NULL)
                """,
                SqlCommands.Texts(names));
            missing.Add(new(WhyLeftOut.NotServed, (int)(long)(await count.ExecuteScalarAsync(ct))!));
        }

        return missing;
    }

    /// <summary>Judges the rows of a plan anew, as nothing was held for it meanwhile.</summary>
    public static async Task JudgeAgainAsync(NpgsqlConnection connection, Guid campaign, CancellationToken ct)
    {
        await using var judge = connection.Command(
            $"""
            UPDATE campaign_domains planned
            SET obstacle = {Obstacle}, state = CASE WHEN {Obstacle} IS NULL THEN 'Planned' ELSE 'Skipped' END
            FROM domains domain WHERE planned.campaign_id = $1 AND domain.id = planned.domain_id
            """,
            campaign);
        await judge.ExecuteNonQueryAsync(ct);
    }

    private static NpgsqlParameter Array(IEnumerable<string?>? values) => new()
    {
        Value = values?.ToArray() ?? (object)DBNull.Value,
        NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
    };

    private static NpgsqlParameter<T> Maybe<T>(T value) => new() { TypedValue = value };
}

/// <summary>The parts of a filter that name something, by what they name.</summary>
/// <param name="Issuers">Distinguished names whose common name is the one asked for; null: any.</param>
/// <param name="Node">The node's id; null: none was named.</param>
/// <param name="Tenant">The tenant's id; null: none was named.</param>
internal sealed record ResolvedFilter(IReadOnlyList<string>? Issuers, Guid? Node, Guid? Tenant);
