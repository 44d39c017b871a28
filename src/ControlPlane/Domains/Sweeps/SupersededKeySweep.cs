using ControlPlane.Database;
using ControlPlane.Drills;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Domains.Sweeps;

/// <summary>
/// Takes the keys of superseded orders out of the vault, softly, once no node serves them: the fleet does not want the
/// bundle any more, and no node that is not retired was last found with it on disk, in memory or on the wire. A lost
/// node that may still serve the old bundle keeps its key until it reports or is retired.
/// </summary>
internal sealed partial class SupersededKeySweep(
    NpgsqlDataSource database,
    IDbContextFactory<ControlPlaneDb> databases,
    CollectionPause pause,
    IVault vault,
    TimeProvider time,
    ILogger<SupersededKeySweep> log) : ISweep
{
    /// <summary>Per turn: a rekey of a whole fleet is done with within the hour.</summary>
    private const int Most = 200;

    public async Task RunAsync(CancellationToken ct)
    {
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            if (await pause.IsOnAsync(db, ct))
            {
                return;
            }
        }

        var due = await DueAsync(ct);
        foreach (var (order, key, hostname) in due)
        {
            // Deleted before it is recorded: killed in between, the next turn deletes once more, which is no error.
            await vault.DeleteAsync(key, ct);
            Failpoint.OfThisProcess.Pass("SupersededKey.call.Delete", hostname);
            await RecordAsync(order, ct);
            Failpoint.OfThisProcess.Pass("SupersededKey.commit.Deleted", hostname);
        }

        if (due.Count > 0)
        {
            LogDeleted(due.Count);
        }
    }

    private async Task<List<(Guid Order, Guid Key, string Hostname)>> DueAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT old.id, old.key_id, old.hostname
            FROM orders old LEFT JOIN bundles bundle ON bundle.id = old.bundle_id
            WHERE old.state = 'Superseded' AND old.key_id IS NOT NULL AND old.key_deleted_at IS NULL
              AND NOT EXISTS (
                  SELECT 1 FROM bundles same JOIN bundles_in_use used ON used.bundle_id = same.id
                  WHERE same.key_id = old.key_id)
              AND NOT EXISTS (
                  SELECT 1 FROM node_observations seen JOIN nodes ON nodes.id = seen.node_id
                  WHERE seen.domain_id = old.domain_id AND nodes.standing <> 'Retired'
                    AND bundle.fingerprint
                        IN (seen.disk_fingerprint, seen.memory_fingerprint, seen.handshake_fingerprint))
            ORDER BY old.closed_at LIMIT $1
            """);
        command.Parameters.Add(new() { Value = Most });
        await using var reader = await command.ExecuteReaderAsync(ct);
        List<(Guid, Guid, string)> due = [];
        while (await reader.ReadAsync(ct))
        {
            due.Add((reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2)));
        }

        return due;
    }

    private async Task RecordAsync(Guid order, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            WITH done AS (
                UPDATE orders SET key_deleted_at = $2 WHERE id = $1 AND key_deleted_at IS NULL RETURNING id, domain_id)
            INSERT INTO events (at, tenant_id, domain_id, order_id, type, message)
            SELECT $2, domains.tenant_id, done.domain_id, done.id, $3,
                   'No node serves the replaced certificate any more: its key is deleted, and destroyed in 30 days.'
            FROM done JOIN domains ON domains.id = done.domain_id
            """);
        command.Parameters.Add(new() { Value = order });
        command.Parameters.Add(new() { Value = time.GetUtcNow() });
        command.Parameters.Add(new() { Value = EventTypes.KeyDeleted });
        await command.ExecuteNonQueryAsync(ct);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted {Count} keys whose bundles were replaced")]
    private partial void LogDeleted(int count);
}
