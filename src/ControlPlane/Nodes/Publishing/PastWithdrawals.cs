using ControlPlane.Contracts;
using Npgsql;

namespace ControlPlane.Nodes.Publishing;

/// <summary>
/// Withdrawals whose tombstones are not listed any more. A node that was away for longer lists anew, does not find the
/// name, and serves it on, because deletion is never inferred from absence. It reports the name as a stray; then the
/// old withdrawal is published once more, with its own time and approval, so that breakers count it where it belongs.
/// </summary>
internal static class PastWithdrawals
{
    /// <summary>Only the very bundle that was withdrawn, and only while nobody else has the name in this
    /// fleet.</summary>
    private const string Sql =
        """
        INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at, approval)
        SELECT past.domain_id, past.fleet_id, past.hostname, NULL, past.order_sequence, past.changed_at, past.approval
        FROM unnest($2::text[], $3::text[]) AS said (hostname, fingerprint)
        JOIN bundles bundle ON bundle.fingerprint = said.fingerprint
        JOIN past_withdrawals past
            ON past.fleet_id = $1 AND past.domain_id = bundle.domain_id AND past.hostname = said.hostname
        WHERE NOT EXISTS (
            SELECT 1 FROM desired_state state
            WHERE state.fleet_id = $1 AND (state.domain_id = past.domain_id OR state.hostname = past.hostname))
        ON CONFLICT (domain_id) DO NOTHING
        """;

    /// <summary>Withdraws again, within the caller's transaction, what these strays hold.</summary>
    /// <returns>How many; the caller wakes the publisher once that is committed.</returns>
    public static async Task<int> TellAgainAsync(
        NpgsqlConnection connection, Guid fleet, StrayNames strays, CancellationToken ct)
    {
        if (strays.Names.Count == 0)
        {
            return 0;
        }

        await using var command = new NpgsqlCommand(Sql, connection)
        {
            Parameters =
            {
                new() { Value = fleet },
                new() { Value = strays.Names.Select(name => name.Hostname).ToArray() },
                new() { Value = strays.Names.Select(name => name.Fingerprint).ToArray() },
            },
        };
        return await command.ExecuteNonQueryAsync(ct);
    }
}
