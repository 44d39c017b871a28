using System.Collections.Concurrent;
using Npgsql;

namespace ControlPlane.Nodes.Access;

/// <summary>Who calls, once the token is verified.</summary>
internal sealed record NodeIdentity(Guid Id, Guid Fleet, string Name, string SigningKeyId, byte[] SigningKey);

/// <summary>
/// Signing keys of all nodes that may call, read together and kept for up to 30 s: a thousand agents cost one query
/// then, not a thousand. A ban makes every replica forget them by NOTIFY; were that lost, they age out well within the
/// 60 s that a ban may take. Refusals are not kept: a stranger's ids must not fill memory.
/// </summary>
internal sealed class NodeKeyCache(NpgsqlDataSource database, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    /// <summary>Seconds; a few thousand rows take some milliseconds. The next to ask reads again.</summary>
    private const int Timeout = 10;

    private const string Live =
        "SELECT signing_key_id, id, fleet_id, name, signing_key FROM nodes "
        + "WHERE banned_at IS NULL AND standing <> 'Retired'";

    private readonly Lock _gate = new();
    private Reading? _last;
    private int _forgotten;

    /// <summary>The node whose signing key has this id; null when there is none, or it is banned or retired.</summary>
    public ValueTask<NodeIdentity?> FindAsync(string keyId, CancellationToken ct)
    {
        var reading = Present();
        return reading.Nodes.IsCompletedSuccessfully && reading.Nodes.Result.TryGetValue(keyId, out var node)
            ? ValueTask.FromResult<NodeIdentity?>(node)
            : new ValueTask<NodeIdentity?>(FindAsync(reading, keyId, ct));
    }

    /// <summary>Whoever asks from now on is answered by what the database says from now on.</summary>
    public void Forget() => Interlocked.Increment(ref _forgotten);

    private async Task<NodeIdentity?> FindAsync(Reading reading, string keyId, CancellationToken ct)
    {
        var nodes = await reading.Nodes.WaitAsync(ct);
        if (nodes.TryGetValue(keyId, out var known))
        {
            return known;
        }

        // Enrolled since, or a stranger.
        await using var command = database.CreateCommand($"{Live} AND signing_key_id = $1");
        command.Parameters.Add(new() { Value = keyId });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? nodes.GetOrAdd(keyId, NodeOf(reader)) : null;
    }

    private Reading Present()
    {
        lock (_gate)
        {
            var forgotten = Volatile.Read(ref _forgotten);
            // Aged from before the read: what it finds is at least that old. One that failed is not kept.
            if (_last is not { } last || last.Forgotten != forgotten || last.Nodes.IsFaulted
                || time.GetElapsedTime(last.ReadAt) >= Lifetime)
            {
                var readAt = time.GetTimestamp();
                _last = last = new Reading(forgotten, readAt, Task.Run(ReadAsync, CancellationToken.None));
            }

            return last;
        }
    }

    private async Task<ConcurrentDictionary<string, NodeIdentity>> ReadAsync()
    {
        await using var command = database.CreateCommand(Live);
        command.CommandTimeout = Timeout;
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var nodes = new ConcurrentDictionary<string, NodeIdentity>(StringComparer.Ordinal);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            nodes[reader.GetString(0)] = NodeOf(reader);
        }

        return nodes;
    }

    private static NodeIdentity NodeOf(NpgsqlDataReader row) => new(
        row.GetGuid(1), row.GetGuid(2), row.GetString(3), row.GetString(0), row.GetFieldValue<byte[]>(4));

    /// <param name="Forgotten">How often everything had been forgotten when it began.</param>
    /// <param name="ReadAt">When it began.</param>
    /// <param name="Nodes">By the id of their signing key. A node that was banned after it began may be among them,
    /// but then it was forgotten since.</param>
    private sealed record Reading(
        int Forgotten, long ReadAt, Task<ConcurrentDictionary<string, NodeIdentity>> Nodes);
}
