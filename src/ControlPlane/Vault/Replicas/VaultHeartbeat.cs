using Npgsql;

namespace ControlPlane.Vault.Replicas;

/// <summary>Tells the other replicas, and whoever rotates, which key-encryption keys this one holds. On a schedule of
/// its own: the job engine's turns are shared, and every replica must tell.</summary>
internal sealed partial class VaultHeartbeat(
    NpgsqlDataSource database, KeyRing ring, TimeProvider time, ILogger<VaultHeartbeat> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>Seconds a statement may take. It is not repeated: the next heartbeat is its retry, and at the end the
    /// row dies by itself.</summary>
    private const int StatementSeconds = 5;

    private readonly Guid _self = Guid.NewGuid();
    private readonly Lock _turn = new();

    /// <summary>A host may be stopped twice, and its database be gone by the second time.</summary>
    private Task? _leaving;

    /// <summary>Told before anything is served or run.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await TryAsync(BeatAsync, cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        Task leaving;
        lock (_turn)
        {
            leaving = _leaving ??= TryAsync(LeaveAsync, cancellationToken);
        }

        await leaving;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await TryAsync(BeatAsync, stoppingToken);
        }
    }

    private async Task BeatAsync(CancellationToken ct)
    {
        await ExecuteAsync(
            """
            INSERT INTO vault_replicas (id, current_kek_id, kek_ids, seen_at) VALUES ($1, $2, $3, now())
            ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
            """,
            ct, _self, ring.Id, ring.Ids.ToArray());
        await ExecuteAsync("DELETE FROM vault_replicas WHERE seen_at <= now() - interval '60 seconds'", ct);
    }

    private Task LeaveAsync(CancellationToken ct) =>
        ExecuteAsync("DELETE FROM vault_replicas WHERE id = $1", ct, _self);

    private async Task ExecuteAsync(string sql, CancellationToken ct, params object[] values)
    {
        await using var command = database.CreateCommand(sql);
        command.CommandTimeout = StatementSeconds;
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task TryAsync(Func<CancellationToken, Task> tell, CancellationToken ct)
    {
        try
        {
            await tell(ct);
        }
        catch (NpgsqlException away)
        {
            LogUntold(away);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Which key-encryption keys this replica holds could not be told; a rewrap may overlook it")]
    private partial void LogUntold(Exception away);
}
