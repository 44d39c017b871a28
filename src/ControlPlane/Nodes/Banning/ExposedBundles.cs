using ControlPlane.Domains;
using Npgsql;

namespace ControlPlane.Nodes.Banning;

/// <summary>
/// Records what must be replaced after a ban: every bundle that was released to the node and is in use, which is what
/// the view <c>bundles_in_use</c> says. After the ban was committed, which held the node's row: a release either
/// committed before, and is seen, or finds the ban, and releases nothing.
/// <para>Most exposed first: what visitors are being served now (the last proven bundle) before what is still being
/// rolled out; of these, what has been in the node's hands for longest; of equals, what is valid for longest.</para>
/// </summary>
internal static class ExposedBundles
{
    /// <summary>Adds what is missing and repeats nothing. Returns how many were added.</summary>
    public static async Task<int> RecordAsync(
        NpgsqlConnection connection, Guid node, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO replacements (node_id, bundle_id, rank, state, recorded_at)
            SELECT $1, bundle.id,
                   (SELECT coalesce(max(rank), 0) FROM replacements WHERE node_id = $1)
                       + row_number() OVER (
                           ORDER BY domain.active_bundle_id IS NOT DISTINCT FROM bundle.id DESC, released.first,
                                    bundle.not_after DESC, bundle.id),
                   'Waiting', $2
            FROM (SELECT bundle_id, min(released_at) AS first FROM bundle_releases WHERE node_id = $1
                  GROUP BY bundle_id) released
            JOIN bundles bundle ON bundle.id = released.bundle_id
            JOIN domains domain ON domain.id = bundle.domain_id
            WHERE EXISTS (SELECT 1 FROM bundles_in_use used WHERE used.bundle_id = bundle.id)
              AND NOT EXISTS (
                  SELECT 1 FROM replacements known WHERE known.node_id = $1 AND known.bundle_id = bundle.id)
            """,
            connection)
        {
            Parameters = { new() { Value = node }, new() { Value = now } },
        };
        return await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Wherever the ban says so: has every certificate revoked whose key the node could read, those that are
    /// out of use with those that are to be replaced. Whoever holds the key can pass for the name as long as any of
    /// them is good: a revocation that was given up before is tried again, and one for another reason becomes this
    /// one.</summary>
    public static async Task RevokeAsync(
        NpgsqlConnection connection, Guid node, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            WITH asked AS (
                INSERT INTO revocations (bundle_id, domain_id, node_id, reason, at_once, state, requested_at)
                SELECT bundle.id, bundle.domain_id, ban.node_id, 'KeyCompromise', false, 'WaitingForReplacement', $2
                FROM node_bans ban
                JOIN bundles bundle ON EXISTS (
                    SELECT 1 FROM bundle_releases WHERE node_id = ban.node_id AND bundle_id = bundle.id)
                WHERE ban.node_id = $1 AND ban.revokes AND bundle.not_after > $2
                ON CONFLICT (bundle_id) DO UPDATE SET
                    reason = 'KeyCompromise', attempts = 0, detail = NULL,
                    state = CASE WHEN revocations.state = 'Failed' AND NOT revocations.at_once
                                     AND revocations.replaced_at IS NULL THEN 'WaitingForReplacement'
                                 WHEN revocations.state = 'Failed' THEN 'Sending' ELSE revocations.state END,
                    next_attempt_at = CASE WHEN revocations.state = 'Failed' AND (revocations.at_once
                                               OR revocations.replaced_at IS NOT NULL) THEN $2::timestamptz
                                           ELSE revocations.next_attempt_at END
                    WHERE revocations.state = 'Failed' OR (revocations.reason <> 'KeyCompromise'
                        AND revocations.state IN ('WaitingForReplacement', 'Sending'))
                RETURNING bundle_id, domain_id
            )
            INSERT INTO events (at, tenant_id, domain_id, order_id, type, message)
            SELECT $2, domains.tenant_id, domains.id, bundles.order_id, $3,
                   'A node that could read the key of certificate ' || bundles.serial
                   || ' was banned: it is to be revoked, once it is replaced where it is served.'
            FROM asked JOIN bundles ON bundles.id = asked.bundle_id JOIN domains ON domains.id = asked.domain_id
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = node },
                new() { Value = now },
                new() { Value = EventTypes.RevocationRequested },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Failed ones are tried again at once: whoever bans again has usually mended the cause.</summary>
    public static async Task<int> RetryFailedAsync(NpgsqlConnection connection, Guid node, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "UPDATE replacements SET next_attempt_at = NULL WHERE node_id = $1 AND state = 'Failed'", connection)
        {
            Parameters = { new() { Value = node } },
        };
        return await command.ExecuteNonQueryAsync(ct);
    }
}
