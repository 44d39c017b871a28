using ControlPlane.Database;
using ControlPlane.Drills;
using ControlPlane.Vault.Replicas;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Vault.Rewrapping;

/// <summary>
/// Brings data keys under the current key-encryption key, in small batches that each commit for themselves: it can be
/// ended at any moment and goes on anywhere. A private key's ciphertext is never touched.
/// </summary>
internal sealed partial class Rewrapper(
    IDbContextFactory<ControlPlaneDb> databases,
    NpgsqlDataSource source,
    KeyRing ring,
    TimeProvider time,
    ILogger<Rewrapper> log)
{
    /// <summary>Half a second of work, of which a kill costs one.</summary>
    private const int BatchSize = 50;

    /// <summary>"VltR" in ASCII. Whoever works holds it; a second worker would only do the same twice.</summary>
    private const long AdvisoryLock = 0x566C7452;

    /// <summary>Begins a rewrap towards the current key, or goes on with the one that is open; what failed is due at
    /// once.</summary>
    /// <returns>Null when begun; why not and what to do, when a live replica lacks the current key.</returns>
    /// <exception cref="VaultException">This replica holds no key.</exception>
    public async Task<string?> StartAsync(CancellationToken ct)
    {
        if (!ring.IsOpen)
        {
            throw new VaultException("This replica holds no key-encryption key (Vault:CanOpen is false).");
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await LiveReplicas.RefusalAsync(db, ring.Id, ct) is { } refusal)
        {
            return refusal;
        }

        await db.Database.ExecuteSqlAsync($"LOCK TABLE vault_rewraps IN SHARE ROW EXCLUSIVE MODE", ct);
        var now = time.GetUtcNow().ToUniversalTime();
        await db.Rewraps.Where(row => row.FinishedAt == null && row.ToKekId != ring.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.FinishedAt, now), ct);
        await db.RewrapFailures.ExecuteUpdateAsync(set => set.SetProperty(row => row.NextAttemptAt, now), ct);
        if (!await db.Rewraps.AnyAsync(row => row.FinishedAt == null, ct))
        {
            db.Rewraps.Add(new Rewrap { Id = Guid.CreateVersion7(now), ToKekId = ring.Id, StartedAt = now });
            await db.SaveChangesAsync(ct);
            LogStarted(ring.Id);
        }

        await transaction.CommitAsync(ct);
        return null;
    }

    /// <summary>Works on the open rewrap until nothing is due, the time is up, or the current key is away.</summary>
    /// <param name="longest">No batch is begun after this.</param>
    /// <param name="ct">Ends it between two batches.</param>
    /// <exception cref="VaultException">The current key cannot wrap, or a live replica lacks it.</exception>
    public async Task RunAsync(TimeSpan longest, CancellationToken ct)
    {
        await using var turn = await source.OpenConnectionAsync(ct);
        if (!ring.IsOpen || await OpenRewrapAsync(ct) is not { } rewrap || !await TakeAsync(turn, ct))
        {
            return;
        }

        try
        {
            var began = time.GetTimestamp();
            var batch = new RewrapBatch(ring);
            while (time.GetElapsedTime(began) < longest && await WorkAsync(rewrap, batch, ct))
            {
                ct.ThrowIfCancellationRequested();
            }

            await FinishAsync(rewrap, ct);
        }
        finally
        {
            await using var give = new NpgsqlCommand($"SELECT pg_advisory_unlock({AdvisoryLock})", turn);
            await give.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }

    private async Task<bool> TakeAsync(NpgsqlConnection turn, CancellationToken ct)
    {
        await using var take = new NpgsqlCommand($"SELECT pg_try_advisory_lock({AdvisoryLock})", turn);
        return await take.ExecuteScalarAsync(ct) is true;
    }

    private async Task<Guid?> OpenRewrapAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Rewraps.Where(row => row.FinishedAt == null && row.ToKekId == ring.Id)
            .Select(row => (Guid?)row.Id).SingleOrDefaultAsync(ct);
    }

    /// <summary>False when nothing is due.</summary>
    private async Task<bool> WorkAsync(Guid rewrap, RewrapBatch batch, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow().ToUniversalTime();
        var olds = await db.VaultKeys.Where(row => row.KekId != ring.Id).Select(row => row.KekId).Distinct()
            .ToListAsync(ct);
        olds = [.. olds.Except(batch.Away)];
        var rows = await db.VaultKeys.AsNoTracking()
            .Where(row => olds.Contains(row.KekId))
            .Where(row => !db.RewrapFailures.Any(fault => fault.KeyId == row.Id && fault.NextAttemptAt > now))
            .OrderBy(row => row.KekId).ThenBy(row => row.Id)
            .Select(row => new Wrapped(row.Id, row.KekId, row.WrappedKey))
            .Take(BatchSize).ToListAsync(ct);
        if (rows.Count == 0)
        {
            return false;
        }

        // Asked for each batch: a replica may have come up without the key since the rewrap was begun.
        if (await LiveReplicas.RefusalAsync(db, ring.Id, ct) is { } refusal)
        {
            throw new VaultException(refusal);
        }

        // Keys may be calls away: they are asked outside any transaction.
        var (wraps, faults) = await batch.WrapAsync(rows, ct);
        Failpoint.OfThisProcess.Pass("Rewrap.call.Wrap");
        await CommitAsync(db, rewrap, wraps, faults, ct);
        Failpoint.OfThisProcess.Pass("Rewrap.commit.Batch");
        if (faults is [var first, ..])
        {
            LogFailed(faults.Count, first.Key, first.Kek, first.Reason);
        }

        return true;
    }

    /// <summary>A row that was changed or collected since it was read is left as it is.</summary>
    private async Task CommitAsync(
        ControlPlaneDb db, Guid rewrap, IReadOnlyList<NewWrap> wraps, IReadOnlyList<WrapFault> faults,
        CancellationToken ct)
    {
        var ids = wraps.Select(wrap => wrap.Key).ToArray();
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var done = await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE vault_keys SET kek_id = {ring.Id}, wrapped_key = new.wrapped
             FROM unnest({ids}, {wraps.Select(wrap => wrap.Was).ToArray()}, {wraps.Select(wrap => wrap.Is).ToArray()})
                  AS new (id, was, wrapped)
             WHERE vault_keys.id = new.id AND vault_keys.wrapped_key = new.was
             """,
            ct);
        await db.Rewraps.Where(row => row.Id == rewrap)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.Done, row => row.Done + done), ct);
        await db.RewrapFailures.Where(row => ids.Contains(row.KeyId)).ExecuteDeleteAsync(ct);
        var now = time.GetUtcNow().ToUniversalTime();
        foreach (var fault in faults)
        {
            // Tried again after 1, 2, 4 … minutes, at most an hour: soon after a key was put back, and never busily.
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO vault_rewrap_failures (key_id, kek_id, reason, attempts, failed_at, next_attempt_at)
                 SELECT id, kek_id, {fault.Reason}, 1, {now}, {now} + interval '1 minute'
                 FROM vault_keys WHERE id = {fault.Key}
                 ON CONFLICT (key_id) DO UPDATE SET reason = excluded.reason, failed_at = excluded.failed_at,
                     kek_id = excluded.kek_id, attempts = vault_rewrap_failures.attempts + 1,
                     next_attempt_at = {now}
                         + least(interval '1 minute' * 2 ^ least(vault_rewrap_failures.attempts, 6), interval '1 hour')
                 """,
                ct);
        }

        await transaction.CommitAsync(ct);
    }

    private async Task FinishAsync(Guid rewrap, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow().ToUniversalTime();
        var finished = await db.Rewraps
            .Where(row => row.Id == rewrap && row.FinishedAt == null && !db.VaultKeys.Any(key => key.KekId != ring.Id))
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.FinishedAt, now), ct);
        if (finished > 0)
        {
            LogFinished(ring.Id);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Rewrap to {Key} begun")]
    private partial void LogStarted(string key);

    [LoggerMessage(Level = LogLevel.Information, Message = "Rewrap finished: every data key is under {Key}")]
    private partial void LogFinished(string key);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "{Count} vault keys of a batch could not be moved; the first, {Key}, stays under {Kek}: {Reason}")]
    private partial void LogFailed(int count, Guid key, string kek, string reason);
}
