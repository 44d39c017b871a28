using ControlPlane.Contracts;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Nodes.Publishing;

/// <summary>Reads pages of a fleet's desired state in the order of the cursor.</summary>
internal sealed class DesiredStateReader(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>About 150 kB as JSON: small enough to repeat after a broken connection.</summary>
    public const int PageSize = 500;

    /// <summary>One statement, hence one snapshot: the fleet's revision and its rows belong together. An empty page is
    /// a row of nulls.</summary>
    private const string Sql =
        """
        SELECT fleet.epoch, fleet.revision, page.domain_id, page.hostname, page.bundle_id, page.revision,
               page.changed_at, page.approval, bundle.serial, bundle.fingerprint, bundle.not_after
        FROM fleets fleet
        LEFT JOIN LATERAL (
            SELECT * FROM desired_state
            WHERE fleet_id = fleet.id AND (revision, domain_id) > ($2, $3)
            ORDER BY revision, domain_id LIMIT $4
        ) page ON true
        LEFT JOIN bundles bundle ON bundle.id = page.bundle_id
        WHERE fleet.id = $1
        ORDER BY page.revision, page.domain_id
        """;

    /// <summary>The page after <paramref name="since"/>, from the start when null; null when the cursor belongs to
    /// another epoch or lies ahead of the fleet: history is gone.</summary>
    public async Task<DesiredStatePage?> ReadAsync(Guid fleet, DesiredStateCursor? since, CancellationToken ct)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new() { Value = fleet });
        command.Parameters.Add(new() { Value = since?.Revision ?? 0 });
        command.Parameters.Add(new() { Value = since?.Domain ?? Guid.Empty });
        command.Parameters.Add(new() { Value = PageSize + 1, NpgsqlDbType = NpgsqlDbType.Integer });
        await using var reader = await command.ExecuteReaderAsync(ct);

        List<DesiredDomain> upserts = [];
        List<Tombstone> tombstones = [];
        var end = default(DesiredStateCursor);
        var last = default(DesiredStateCursor);
        var more = false;
        while (await reader.ReadAsync(ct))
        {
            end = new DesiredStateCursor(reader.GetInt64(0), reader.GetInt64(1), Guid.AllBitsSet);
            if (since is { } given && (given.Epoch != end.Epoch || given.Revision > end.Revision))
            {
                return null;
            }

            if (reader.IsDBNull(2))
            {
                break;
            }

            if (upserts.Count + tombstones.Count == PageSize)
            {
                more = true;
                break;
            }

            last = new DesiredStateCursor(end.Epoch, reader.GetInt64(5), reader.GetGuid(2));
            if (reader.IsDBNull(4))
            {
                tombstones.Add(new Tombstone(
                    last.Domain,
                    reader.GetString(3),
                    reader.GetFieldValue<DateTimeOffset>(6),
                    reader.IsDBNull(7) ? null : reader.GetString(7),
                    last.Revision));
            }
            else
            {
                upserts.Add(new DesiredDomain(
                    last.Domain,
                    reader.GetString(3),
                    reader.GetGuid(4),
                    reader.GetString(8),
                    reader.GetString(9),
                    reader.GetFieldValue<DateTimeOffset>(10),
                    last.Revision));
            }
        }

        var reached = more ? last : end;
        return new DesiredStatePage(reached.Epoch, reached.Revision, reached.ToString(), more, upserts, tombstones)
        {
            At = time.GetUtcNow(),
        };
    }
}
