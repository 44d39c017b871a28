using ControlPlane.Contracts;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Nodes.Publishing;

/// <summary>
/// Reads pages of a fleet's desired state in the order of the cursor. A row exists once, at the revision of its last
/// change: a row that changes while somebody pages moves ahead of him, so that he meets it later (or again), and never
/// misses it. A full list is pinned at the revision at which it began and ends there, however much is published
/// meanwhile; the changes since follow as any others do.
/// </summary>
internal sealed class DesiredStateReader(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>About 150 kB as JSON: small enough to repeat after a broken connection.</summary>
    public const int PageSize = 500;

    /// <summary>One statement, hence one snapshot: the fleet's revision and its rows belong together. An empty page is
    /// a row of nulls.</summary>
    private const string Sql =
        """
        SELECT fleet.epoch, fleet.revision, fleet.kept_from, page.domain_id, page.hostname, page.bundle_id,
               page.revision, page.changed_at, page.approval, bundle.serial, bundle.fingerprint, bundle.not_after,
               page.tls_minimum
        FROM fleets fleet
        LEFT JOIN LATERAL (
            SELECT * FROM desired_state
            WHERE fleet_id = fleet.id AND (revision, domain_id) > ($2, $3) AND revision <= least(fleet.revision, $5)
            ORDER BY revision, domain_id LIMIT $4
        ) page ON true
        LEFT JOIN bundles bundle ON bundle.id = page.bundle_id
        WHERE fleet.id = $1
        ORDER BY page.revision, page.domain_id
        """;

    /// <summary>The page after <paramref name="since"/>, from the start when null; null when the cursor belongs to
    /// another epoch, lies ahead of the fleet, or is older than the withdrawals that are kept: history is
    /// gone.</summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="since">Where the reader is; null for the full list.</param>
    /// <param name="upTo">Highest revision the reader may see; null for all there is. A reader that is above it
    /// already is told nothing new.</param>
    /// <param name="ct">Ends the read.</param>
    public async Task<DesiredStatePage?> ReadAsync(
        Guid fleet, DesiredStateCursor? since, long? upTo, CancellationToken ct)
    {
        var pin = since is { ListedAt: > 0 and var listedAt } ? listedAt : long.MaxValue;
        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new() { Value = fleet });
        command.Parameters.Add(new() { Value = since?.Revision ?? 0 });
        command.Parameters.Add(new() { Value = since?.Domain ?? Guid.Empty });
        command.Parameters.Add(new() { Value = PageSize + 1, NpgsqlDbType = NpgsqlDbType.Integer });
        command.Parameters.Add(new() { Value = Math.Min(pin, upTo ?? long.MaxValue) });
        await using var reader = await command.ExecuteReaderAsync(ct);

        List<DesiredDomain> upserts = [];
        List<Tombstone> tombstones = [];
        var history = default(History);
        var last = default(DesiredStateCursor);
        var isCut = false;
        while (await reader.ReadAsync(ct))
        {
            history = new History(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
            if (since is { } given && !history.Reaches(given))
            {
                return null;
            }

            if (reader.IsDBNull(3))
            {
                break;
            }

            if (upserts.Count + tombstones.Count == PageSize)
            {
                isCut = true;
                break;
            }

            last = new DesiredStateCursor(history.Epoch, reader.GetInt64(6), reader.GetGuid(3));
            if (reader.IsDBNull(5))
            {
                tombstones.Add(TombstoneOf(reader, last));
            }
            else
            {
                upserts.Add(DomainOf(reader, last));
            }
        }

        var head = Math.Min(history.Revision, upTo ?? long.MaxValue);
        var end = Math.Min(pin, head);
        var reached = isCut
            // Only a list that does not end on its first page needs to remember where it began.
            ? last with { ListedAt = since is null ? end : since.Value.ListedAt }
            : since is { } above && above.Revision > end
                ? above
                : new DesiredStateCursor(history.Epoch, end, Guid.AllBitsSet);
        return new DesiredStatePage(
            reached.Epoch, reached.Revision, reached.ToString(), isCut || end < head, upserts, tombstones)
        {
            At = time.GetUtcNow(),
        };
    }

    private static DesiredDomain DomainOf(NpgsqlDataReader row, DesiredStateCursor at) => new(
        at.Domain,
        row.GetString(4),
        row.GetGuid(5),
        row.GetString(9),
        row.GetString(10),
        row.GetFieldValue<DateTimeOffset>(11),
        at.Revision)
    {
        TlsMinimum = TlsVersions.OnWire(row.GetString(12)),
    };

    private static Tombstone TombstoneOf(NpgsqlDataReader row, DesiredStateCursor at) => new(
        at.Domain,
        row.GetString(4),
        row.GetFieldValue<DateTimeOffset>(7),
        row.IsDBNull(8) ? null : row.GetString(8),
        at.Revision);

    /// <param name="Epoch">The fleet's epoch.</param>
    /// <param name="Revision">Its revision.</param>
    /// <param name="KeptFrom">Revision of the newest tombstone that is not listed any more.</param>
    private readonly record struct History(long Epoch, long Revision, long KeptFrom)
    {
        public bool Reaches(DesiredStateCursor cursor) =>
            cursor.Epoch == Epoch && cursor.WithdrawalsReadTo <= Revision && cursor.WithdrawalsReadTo >= KeptFrom;
    }
}
