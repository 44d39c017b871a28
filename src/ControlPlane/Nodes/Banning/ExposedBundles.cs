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
