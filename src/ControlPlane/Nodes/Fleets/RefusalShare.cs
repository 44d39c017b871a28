using ControlPlane.Contracts;
using Npgsql;

namespace ControlPlane.Nodes.Fleets;

/// <summary>What the serving nodes of a fleet answered lately.</summary>
/// <param name="Fleet">The fleet.</param>
/// <param name="Domains">Domains that most of them, or of the canaries, refused and refuse still.</param>
/// <param name="Refusals">Refusals of these domains, one for each node and domain.</param>
/// <param name="Answers">All their answers, one for each node and domain; not counted, and 0, where nothing is
/// refused.</param>
internal sealed record RefusalShare(Guid Fleet, long Domains, long Refusals, long Answers)
{
    /// <summary>Said of a node's own caution, not of a bundle: an older certificate offered after a restore, and
    /// withdrawals held back.</summary>
    private static readonly string[] NotOfBundles =
    [
        NodeErrorCodes.Rollback, NodeErrorCodes.WithdrawalsHeld, NodeErrorCodes.Tls13ListMissing,
        NodeErrorCodes.ForeignFile,
    ];

    /// <summary>Refusals by their own index; the answers, which are many, only where they matter. A domain counts that
    /// most of the canaries refuse, or most of all that serve: what one node refuses and its neighbours take tells of
    /// the node (a full disk, a wrong clock), and must not keep the others from their renewals. A node that joins is
    /// not asked, for the same reason.</summary>
    private const string Sql =
        """
        WITH serving AS MATERIALIZED (
            SELECT node.id, fleet.id AS fleet_id, greatest(fleet.refusals_since, $1) AS since,
                   count(*) OVER (PARTITION BY fleet.id) AS nodes, fleet.canaries,
                   row_number() OVER (PARTITION BY fleet.id ORDER BY node.id) <= fleet.canaries AS is_canary
            FROM nodes node JOIN fleets fleet ON fleet.id = node.fleet_id
            WHERE node.standing = 'Serving'
        ), domains AS MATERIALIZED (
            SELECT node.fleet_id, node.since, seen.domain_id, count(*) AS refusals
            FROM node_observations seen JOIN serving node ON node.id = seen.node_id
            WHERE seen.state = 'Refused' AND seen.observed_at > node.since AND seen.observed_at > $1
              AND seen.error_code <> ALL ($2)
            GROUP BY node.fleet_id, node.since, node.nodes, node.canaries, seen.domain_id
            HAVING 2 * count(*) > node.nodes
                OR 2 * count(*) FILTER (WHERE node.is_canary) > least(node.canaries, node.nodes)
        ), refused AS MATERIALIZED (
            SELECT fleet_id, since, count(*) AS domains, sum(refusals)::bigint AS refusals
            FROM domains GROUP BY fleet_id, since HAVING count(*) >= $3
        )
        SELECT refused.fleet_id, refused.domains, refused.refusals,
               (SELECT count(*) FROM node_observations seen JOIN nodes node ON node.id = seen.node_id
                WHERE node.fleet_id = refused.fleet_id AND node.standing = 'Serving'
                  AND seen.observed_at > refused.since)
        FROM refused
        """;

    public double Share => Answers == 0 ? 0 : (double)Refusals / Answers;

    /// <summary>Too many to go on.</summary>
    public bool Halts(NodeOptions options) =>
        Domains >= options.RefusedDomainsToHalt && Share > options.RefusalShareToHalt;

    /// <summary>Of every fleet with at least so many refused domains, since its rollout was last resumed, and no
    /// longer ago than the window.</summary>
    public static async Task<Dictionary<Guid, RefusalShare>> ReadAsync(
        NpgsqlConnection connection, DateTimeOffset from, int atLeast, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Sql, connection)
        {
            Parameters =
            {
                new() { Value = from },
                new() { Value = NotOfBundles },
                new() { Value = (long)Math.Max(atLeast, 1) },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        var shares = new Dictionary<Guid, RefusalShare>();
        while (await reader.ReadAsync(ct))
        {
            shares[reader.GetGuid(0)] = new RefusalShare(
                reader.GetGuid(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3));
        }

        return shares;
    }
}
