using ControlPlane.Contracts;
using Npgsql;

namespace ControlPlane.Nodes.Digests;

/// <summary>The rows of the buckets in which a node's record differs, as many whole buckets as fit an answer.</summary>
internal sealed class DifferingRows(NpgsqlDataSource database)
{
    /// <summary>The bucket is spelled as in its index. An empty answer is a row of nulls: the position is needed all
    /// the same.</summary>
    private const string Sql =
        """
        SELECT fleet.epoch, fleet.revision, wanted.bucket, wanted.domain_id, wanted.hostname, wanted.bundle_id,
               wanted.revision, bundle.serial, bundle.fingerprint, bundle.not_after,
               wanted.tls_minimum
        FROM fleets fleet
        LEFT JOIN LATERAL (
            SELECT *, (get_byte(uuid_send(domain_id), 14) & 15) * 256 + get_byte(uuid_send(domain_id), 15) AS bucket
            FROM desired_state
            WHERE fleet_id = fleet.id AND bundle_id IS NOT NULL
              AND (get_byte(uuid_send(domain_id), 14) & 15) * 256 + get_byte(uuid_send(domain_id), 15) = ANY ($2)
            ORDER BY bucket, domain_id LIMIT $3
        ) wanted ON true
        LEFT JOIN bundles bundle ON bundle.id = wanted.bundle_id
        WHERE fleet.id = $1
        ORDER BY wanted.bucket, wanted.domain_id
        """;

    /// <summary>What the fleet wants in these buckets now.</summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="differing">Buckets, lowest first; at least one.</param>
    /// <param name="ct">Ends the read.</param>
    public async Task<DigestAnswer> ReadAsync(Guid fleet, IReadOnlyList<int> differing, CancellationToken ct)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new() { Value = fleet });
        command.Parameters.Add(new() { Value = differing.ToArray() });
        command.Parameters.Add(new() { Value = StateDigest.MaxRows + 1 });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var domains = new List<DesiredDomain>();
        var at = default(FleetPosition);
        int? cut = null;
        while (await reader.ReadAsync(ct))
        {
            at = new FleetPosition(reader.GetInt64(0), reader.GetInt64(1));
            if (domains.Count == StateDigest.MaxRows)
            {
                // Its bucket does not fit whole, and half a bucket would make strays of the other half.
                cut = reader.GetInt32(2);
            }
            else if (!reader.IsDBNull(2))
            {
                domains.Add(new DesiredDomain(
                    reader.GetGuid(3), reader.GetString(4), reader.GetGuid(5), reader.GetString(7),
                    reader.GetString(8), reader.GetFieldValue<DateTimeOffset>(9), reader.GetInt64(6))
                {
                    TlsMinimum = TlsVersions.OnWire(reader.GetString(10)),
                });
            }
        }

        return new DigestAnswer(
            at.Epoch,
            at.Revision,
            differing.Count,
            cut is { } from ? [.. differing.TakeWhile(bucket => bucket < from)] : differing,
            cut is { } above ? [.. domains.Where(row => StateDigest.BucketOf(row.Domain) < above)] : domains);
    }
}
