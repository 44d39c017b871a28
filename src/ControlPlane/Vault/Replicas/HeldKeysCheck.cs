using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace ControlPlane.Vault.Replicas;

/// <summary>This replica holds every key-encryption key that rows lie under. Some missing is a reason to act; all
/// missing, it can open nothing, and its place is with another. Looked at once a minute.</summary>
internal sealed class HeldKeysCheck(NpgsqlDataSource database, KeyRing ring, TimeProvider time) : IHealthCheck
{
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(1);

    private Look? _last;

    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!ring.IsOpen)
        {
            return HealthCheckResult.Healthy();
        }

        if (Volatile.Read(ref _last) is { } last && time.GetElapsedTime(last.At) < Freshness)
        {
            return last.Result;
        }

        try
        {
            var look = new Look(time.GetTimestamp(), Judge(await UsedAsync(cancellationToken)));
            Volatile.Write(ref _last, look);
            return look.Result;
        }
        catch (NpgsqlException away)
        {
            // Not kept, and no verdict: whether the database answers is another check's.
            return HealthCheckResult.Degraded("Which keys the vault's rows need could not be read.", away);
        }
    }

    /// <summary>Counts, not names: readers of /readyz have no key, and a name may hold a cloud account's
    /// number.</summary>
    private HealthCheckResult Judge(IReadOnlyList<string> used)
    {
        var missing = used.Except(ring.Ids).Count();
        var detail =
            $"Rows lie under {used.Count} key-encryption keys, of which this replica lacks {missing}: it cannot open "
            + "those rows. 'ControlPlane vault status' names the keys; add them to Vault:Keys and restart it.";
        return missing == 0 ? HealthCheckResult.Healthy()
            : missing < used.Count ? HealthCheckResult.Degraded(detail)
            : HealthCheckResult.Unhealthy(detail);
    }

    /// <summary>From key to key along the index <c>vault_keys_by_kek</c>: a handful of steps, however many rows there
    /// are.</summary>
    private async Task<IReadOnlyList<string>> UsedAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            WITH RECURSIVE used AS (
                (SELECT kek_id FROM vault_keys ORDER BY kek_id LIMIT 1)
                UNION ALL
                SELECT (SELECT kek_id FROM vault_keys WHERE kek_id > used.kek_id ORDER BY kek_id LIMIT 1)
                FROM used WHERE used.kek_id IS NOT NULL
            )
            SELECT kek_id FROM used WHERE kek_id IS NOT NULL
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        List<string> used = [];
        while (await reader.ReadAsync(ct))
        {
            used.Add(reader.GetString(0));
        }

        return used;
    }

    private sealed record Look(long At, HealthCheckResult Result);
}
