using System.ComponentModel;
using System.Globalization;
using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ControlPlane.Nodes.Releases;

/// <summary>
/// GET /v1/nodes/{node}/exposure: the keys a node could read, from the ledger of releases. A page walks the node's
/// releases from the cursor on and keeps the first of each bundle, so that its cost does not grow with the ledger.
/// </summary>
internal static class ReadExposure
{
    /// <summary>What replaced a bundle: of the domain's later orders the first whose bundle was still served, or
    /// serves, after this one's had ended.</summary>
    private const string Sql =
        """
        SELECT first.id, domain.id, domain.hostname, bundle.id, bundle.serial, bundle.fingerprint, bundle.not_after,
               first.released_at, total.last, total.count, total.sealing_key,
               EXISTS (SELECT 1 FROM bundles_in_use used WHERE used.bundle_id = bundle.id),
               next.id, next.serial, next.fingerprint,
               CASE WHEN own.state = 'Superseded' THEN own.closed_at END,
               coalesce(own.key_deleted_at, CASE WHEN own.state = 'Canceled' THEN own.closed_at END), domain.deleted_at
        FROM (SELECT id, bundle_id, released_at FROM bundle_releases release
              WHERE node_id = $1 AND id > $2
                AND NOT EXISTS (
                    SELECT 1 FROM bundle_releases earlier
                    WHERE earlier.node_id = $1 AND earlier.bundle_id = release.bundle_id AND earlier.id < release.id)
              ORDER BY id LIMIT $3) first
        JOIN bundles bundle ON bundle.id = first.bundle_id
        JOIN domains domain ON domain.id = bundle.domain_id
        JOIN orders own ON own.id = bundle.order_id
        JOIN LATERAL (
            SELECT max(released_at) AS last, count(*) AS count,
                   (array_agg(sealing_key_id ORDER BY id DESC))[1] AS sealing_key
            FROM bundle_releases WHERE node_id = $1 AND bundle_id = bundle.id
        ) total ON true
        LEFT JOIN LATERAL (
            SELECT later.id, later.serial, later.fingerprint
            FROM orders JOIN bundles later ON later.id = orders.bundle_id
            WHERE own.state = 'Superseded' AND orders.domain_id = domain.id AND orders.sequence > own.sequence
              AND orders.state IN ('Active', 'Superseded', 'Canceling', 'Canceled')
              AND (orders.closed_at IS NULL OR orders.closed_at > own.closed_at)
            ORDER BY orders.sequence LIMIT 1
        ) next ON true
        ORDER BY first.id
        """;

    public static async Task<Results<Ok<Page<ExposedBundleView>>, Problem>> HandleAsync(
        string node,
        ControlPlaneDb db,
        NpgsqlDataSource database,
        CancellationToken ct,
        [Description("nextCursor of the page before.")] long cursor = 0,
        [Description("1–200 bundles a page.")] int limit = Page<ExposedBundleView>.DefaultLimit)
    {
        if (Page<ExposedBundleView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var (id, unfound) = await NodeReference.FindAsync(db, node, ct);
        if (unfound is not null)
        {
            return unfound;
        }

        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = cursor });
        command.Parameters.Add(new() { Value = limit + 1 });
        await using var reader = await command.ExecuteReaderAsync(ct);
        List<ExposedBundleView> items = [];
        var (last, more) = (0L, false);
        while (await reader.ReadAsync(ct))
        {
            if (items.Count == limit)
            {
                more = true;
                break;
            }

            last = reader.GetInt64(0);
            items.Add(View(reader));
        }

        return TypedResults.Ok(new Page<ExposedBundleView>(
            items, more ? last.ToString(CultureInfo.InvariantCulture) : null));
    }

    private static ExposedBundleView View(NpgsqlDataReader row) => new()
    {
        Domain = row.GetGuid(1),
        Hostname = row.GetString(2),
        Bundle = row.GetGuid(3),
        Serial = row.GetString(4),
        Fingerprint = row.GetString(5),
        NotAfter = row.GetFieldValue<DateTimeOffset>(6),
        FirstReleasedAt = row.GetFieldValue<DateTimeOffset>(7),
        LastReleasedAt = row.GetFieldValue<DateTimeOffset>(8),
        Releases = row.GetInt64(9),
        SealingKey = row.GetString(10),
        InUse = row.GetBoolean(11),
        ReplacedBy = row.IsDBNull(12)
            ? null
            : new SuccessorView(row.GetGuid(12), row.GetString(13), row.GetString(14)),
        ReplacedAt = row.GetFieldValue<DateTimeOffset?>(15),
        KeyDeletedAt = row.GetFieldValue<DateTimeOffset?>(16),
        DomainDeletedAt = row.GetFieldValue<DateTimeOffset?>(17),
    };
}

/// <summary>A bundle that was released to a node, so that whoever holds the node's keys can read its key.</summary>
internal sealed record ExposedBundleView
{
    public required Guid Domain { get; init; }

    public required string Hostname { get; init; }

    public required Guid Bundle { get; init; }

    /// <summary>Upper-case hexadecimal.</summary>
    public required string Serial { get; init; }

    /// <summary>SHA-256 of the leaf, lower-case hexadecimal.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>End of the certificate's validity.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    public required DateTimeOffset FirstReleasedAt { get; init; }

    public required DateTimeOffset LastReleasedAt { get; init; }

    /// <summary>How often it was released to the node.</summary>
    public required long Releases { get; init; }

    /// <summary>Id of the node's key it was last sealed for.</summary>
    public required string SealingKey { get; init; }

    /// <summary>True while the fleet wants it, or still serves it until the next one is proven: a ban with
    /// <c>rekey</c> replaces exactly these.</summary>
    public required bool InUse { get; init; }

    /// <summary>The bundle that was proven in its place.</summary>
    public required SuccessorView? ReplacedBy { get; init; }

    /// <summary>When a later bundle of the domain was proven.</summary>
    public required DateTimeOffset? ReplacedAt { get; init; }

    /// <summary>When its key left the vault, after it was replaced or its domain deleted.</summary>
    public required DateTimeOffset? KeyDeletedAt { get; init; }

    public required DateTimeOffset? DomainDeletedAt { get; init; }
}

/// <summary>The bundle that took another one's place.</summary>
internal sealed record SuccessorView(Guid Bundle, string Serial, string Fingerprint);
