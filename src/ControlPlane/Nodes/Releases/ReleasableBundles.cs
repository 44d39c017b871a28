using Npgsql;

namespace ControlPlane.Nodes.Releases;

/// <summary>A bundle the fleet wants now, and where its key is.</summary>
internal sealed record ReleasableBundle(
    Guid Domain, string Hostname, Guid Bundle, long Revision, string Fingerprint, DateTimeOffset NotAfter, byte[] Leaf,
    string Chain, Guid Key);

/// <summary>The key a node's bundles are sealed for.</summary>
internal sealed record SealingKey(string Id, byte[] PublicKey);

/// <summary>What became of an attempt to record releases.</summary>
internal enum ReleaseRecord
{
    /// <summary>Committed: the bytes may leave.</summary>
    Recorded,

    /// <summary>The node was banned or retired meanwhile.</summary>
    Refused,

    /// <summary>Another request of the node used up the minute's releases.</summary>
    Exhausted,
}

/// <summary>What a node may be given, and the record of what it was given.</summary>
internal sealed class ReleasableBundles(NpgsqlDataSource database, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>Null when the node may not call (any more): read past the key cache, because keys are about to
    /// leave.</summary>
    public async Task<SealingKey?> SealingKeyAsync(Guid node, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT sealing_key_id, sealing_key FROM nodes
            WHERE id = $1 AND banned_at IS NULL AND standing <> 'Retired'
            """);
        command.Parameters.Add(new() { Value = node });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new SealingKey(reader.GetString(0), reader.GetFieldValue<byte[]>(1))
            : null;
    }

    /// <summary>What the fleet wants of these domains. A bundle that was revoked is given to no node again: who has it
    /// serves it until its successor is there.</summary>
    public async Task<IReadOnlyList<ReleasableBundle>> ReadAsync(Guid fleet, Guid[] domains, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT wanted.domain_id, wanted.hostname, bundle.id, wanted.revision, bundle.fingerprint, bundle.not_after,
                   bundle.leaf, bundle.chain_id, bundle.key_id
            FROM desired_state wanted JOIN bundles bundle ON bundle.id = wanted.bundle_id
            WHERE wanted.fleet_id = $1 AND wanted.domain_id = ANY ($2)
              AND NOT EXISTS (SELECT 1 FROM revocations WHERE bundle_id = bundle.id AND state = 'Revoked')
            ORDER BY wanted.domain_id
            """);
        command.Parameters.Add(new() { Value = fleet });
        command.Parameters.Add(new() { Value = domains });
        await using var reader = await command.ExecuteReaderAsync(ct);
        List<ReleasableBundle> bundles = [];
        while (await reader.ReadAsync(ct))
        {
            bundles.Add(new ReleasableBundle(
                reader.GetGuid(0), reader.GetString(1), reader.GetGuid(2), reader.GetInt64(3), reader.GetString(4),
                reader.GetFieldValue<DateTimeOffset>(5), reader.GetFieldValue<byte[]>(6), reader.GetString(7),
                reader.GetGuid(8)));
        }

        return bundles;
    }

    /// <summary>Null when so many more releases fit into the last minute, else the seconds to wait. A look beforehand,
    /// so that a node past its limit costs the vault nothing; <see cref="RecordAsync"/> decides.</summary>
    public async Task<int?> SecondsUntilAllowedAsync(Guid node, int more, int limit, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT count(*), min(released_at) FROM bundle_releases
            WHERE node_id = $1 AND released_at > $2 AND NOT learned
            """);
        var now = time.GetUtcNow();
        command.Parameters.Add(new() { Value = node });
        command.Parameters.Add(new() { Value = now - Window });
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return reader.GetInt64(0) is var count && count > 0 && count + more > limit
            ? (int)Math.Ceiling((reader.GetFieldValue<DateTimeOffset>(1) + Window - now).TotalSeconds) + 1
            : null;
    }

    /// <summary>Records releases of one node one request at a time, so that parallel ones share one limit. A ban that
    /// committed before this releases nothing; one that comes later finds these rows.</summary>
    public async Task<ReleaseRecord> RecordAsync(
        Guid node, string sealingKey, Guid[] bundles, int limit, CancellationToken ct)
    {
        if (bundles.Length == 0)
        {
            return ReleaseRecord.Recorded;
        }

        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var turn = new NpgsqlCommand(
            "SELECT pg_advisory_xact_lock(hashtextextended('release:' || $1::text, 0))", connection)
        {
            Parameters = { new() { Value = node } },
        };
        await turn.ExecuteNonQueryAsync(ct);
        await using (var check = new NpgsqlCommand(
            "SELECT 1 FROM nodes WHERE id = $1 AND banned_at IS NULL AND standing <> 'Retired' FOR SHARE", connection))
        {
            check.Parameters.Add(new() { Value = node });
            if (await check.ExecuteScalarAsync(ct) is null)
            {
                return ReleaseRecord.Refused;
            }
        }

        await using var record = new NpgsqlCommand(
            """
            INSERT INTO bundle_releases (node_id, bundle_id, sealing_key_id, released_at)
            SELECT $1, bundle, $2, $4 FROM unnest($3::uuid[]) AS bundle
            WHERE (SELECT count(*) FROM bundle_releases
                   WHERE node_id = $1 AND released_at > $5 AND NOT learned) + cardinality($3) <= $6
               OR NOT EXISTS (
                   SELECT 1 FROM bundle_releases WHERE node_id = $1 AND released_at > $5 AND NOT learned)
            """,
            connection);
        var now = time.GetUtcNow();
        record.Parameters.Add(new() { Value = node });
        record.Parameters.Add(new() { Value = sealingKey });
        record.Parameters.Add(new() { Value = bundles });
        record.Parameters.Add(new() { Value = now });
        record.Parameters.Add(new() { Value = now - Window });
        record.Parameters.Add(new() { Value = limit });
        var recorded = await record.ExecuteNonQueryAsync(ct);
        await transaction.CommitAsync(ct);
        return recorded == bundles.Length ? ReleaseRecord.Recorded : ReleaseRecord.Exhausted;
    }

    public async Task<IReadOnlyDictionary<string, IReadOnlyList<byte[]>>> ChainsAsync(
        string[] ids, CancellationToken ct)
    {
        var chains = new Dictionary<string, IReadOnlyList<byte[]>>(StringComparer.Ordinal);
        if (ids.Length == 0)
        {
            return chains;
        }

        await using var command = database.CreateCommand("SELECT id, intermediates FROM chains WHERE id = ANY ($1)");
        command.Parameters.Add(new() { Value = ids });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            chains.Add(reader.GetString(0), reader.GetFieldValue<byte[][]>(1));
        }

        return chains;
    }
}
