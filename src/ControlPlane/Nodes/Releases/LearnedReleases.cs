using ControlPlane.Contracts;
using ControlPlane.Nodes.Access;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Nodes.Releases;

/// <summary>
/// After a restore the ledger lacks the releases since the backup. A node that shows the certificate of a bundle known
/// here has its key, wherever it shows it: what is missing is added, so that exposure and re-keying are complete again.
/// A node that lies makes its own exposure longer, by bundles of the domains of its own fleet.
/// </summary>
internal static class LearnedReleases
{
    /// <summary>After the report's rows, under the lock of the node's row, so that no report writes a row
    /// twice.</summary>
    public static async Task WriteAsync(
        NpgsqlConnection connection, NodeIdentity node, IReadOnlyList<ObservedDomain> rows, DateTimeOffset now,
        CancellationToken ct)
    {
        if (rows.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(
            """
            INSERT INTO bundle_releases (node_id, bundle_id, sealing_key_id, released_at, learned)
            SELECT node.id, bundle.id, node.sealing_key_id, $6, true
            FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS said (domain_id, disk, memory, handshake)
            JOIN nodes node ON node.id = $1
            JOIN domains domain ON domain.id = said.domain_id AND domain.fleet_id = node.fleet_id
            JOIN bundles bundle ON bundle.domain_id = domain.id
                AND bundle.fingerprint IN (said.disk, said.memory, said.handshake)
            WHERE NOT EXISTS (
                SELECT 1 FROM bundle_releases known WHERE known.node_id = node.id AND known.bundle_id = bundle.id)
            ORDER BY bundle.id
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = node.Id },
                new() { Value = rows.Select(row => row.Domain).ToArray() },
                Texts(rows.Select(row => row.DiskFingerprint)),
                Texts(rows.Select(row => row.MemoryFingerprint)),
                Texts(rows.Select(row => row.HandshakeFingerprint)),
                new() { Value = now },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    private static NpgsqlParameter Texts(IEnumerable<string?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
