using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Nodes.Access;
using Npgsql;

namespace ControlPlane.Nodes.Releases;

/// <summary>
/// After a restore the ledger lacks the releases since the backup. A node that shows the certificate of a bundle known
/// here has its key, wherever it shows it: what is missing is added, so that exposure and re-keying are complete again.
/// A node that lies makes its own exposure longer, by bundles of the domains of its own fleet.
/// </summary>
internal static class LearnedReleases
{
    private const string Sql =
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
        """;

    /// <summary>After the report's rows, under the lock of the node's row, so that no report writes a row
    /// twice.</summary>
    public static NpgsqlBatchCommand Write(
        NodeIdentity node, IReadOnlyList<ObservedDomain> rows, DateTimeOffset now) => SqlCommands.BatchCommand(
            Sql,
            node.Id,
            rows.Select(row => row.Domain).ToArray(),
            SqlCommands.Texts(rows.Select(row => row.DiskFingerprint)),
            SqlCommands.Texts(rows.Select(row => row.MemoryFingerprint)),
            SqlCommands.Texts(rows.Select(row => row.HandshakeFingerprint)),
            now);
}
