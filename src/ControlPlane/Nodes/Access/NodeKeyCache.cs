using System.Collections.Concurrent;
using Npgsql;

namespace ControlPlane.Nodes.Access;

/// <summary>Who calls, once the token is verified.</summary>
internal sealed record NodeIdentity(Guid Id, Guid Fleet, string Name, string SigningKeyId, byte[] SigningKey);

/// <summary>
/// Signing keys of nodes that may call, for up to 30 s. A ban empties the cache on every replica by NOTIFY; were that
/// lost, the entry ages out well within the 60 s that a ban may take. Refusals are not cached: a stranger's ids must
/// not fill memory.
/// </summary>
internal sealed class NodeKeyCache(NpgsqlDataSource database, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private int _forgotten;

    /// <summary>The node whose signing key has this id; null when there is none, or it is banned or retired.</summary>
    public async ValueTask<NodeIdentity?> FindAsync(string keyId, CancellationToken ct)
    {
        // Aged from before the read: what it finds is at least that old.
        var now = time.GetTimestamp();
        if (_entries.TryGetValue(keyId, out var entry) && time.GetElapsedTime(entry.ReadAt, now) < Lifetime)
        {
            return entry.Node;
        }

        var forgotten = Volatile.Read(ref _forgotten);
        await using var command = database.CreateCommand(
            """
            SELECT id, fleet_id, name, signing_key FROM nodes
            WHERE signing_key_id = $1 AND banned_at IS NULL AND standing <> 'Retired'
            """);
        command.Parameters.Add(new() { Value = keyId });
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
        {
            _entries.TryRemove(keyId, out _);
            return null;
        }

        var node = new NodeIdentity(
            reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), keyId, reader.GetFieldValue<byte[]>(3));
        _entries[keyId] = new Entry(node, now);
        if (Volatile.Read(ref _forgotten) != forgotten)
        {
            // Read before the ban that made everyone forget, and kept after it: not to be kept.
            _entries.TryRemove(keyId, out _);
        }

        return node;
    }

    public void Forget()
    {
        Interlocked.Increment(ref _forgotten);
        _entries.Clear();
    }

    private sealed record Entry(NodeIdentity Node, long ReadAt);
}
