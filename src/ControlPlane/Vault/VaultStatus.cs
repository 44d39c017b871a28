using ControlPlane.Database;
using ControlPlane.Vault.Replicas;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Vault;

/// <summary>Which key-encryption keys are in use, and how far a rewrap is. Read live, so that what it calls safe to
/// remove is so.</summary>
internal sealed class VaultStatus(IDbContextFactory<ControlPlaneDb> databases, KeyRing ring)
{
    private const int FailuresShown = 20;

    public async Task<VaultView> ReadAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        // One snapshot: a row that moves between two counts must not be in both, or in neither.
        await using var snapshot = await db.Database.BeginTransactionAsync(
            System.Data.IsolationLevel.RepeatableRead, ct);
        var counts = await db.VaultKeys.GroupBy(row => row.KekId)
            .Select(group => new
            {
                group.Key,
                Rows = group.Count(),
                Deleted = group.Count(row => row.DeletedAt != null),
            })
            .ToDictionaryAsync(count => count.Key, ct);
        var rewrap = await db.Rewraps.AsNoTracking().OrderByDescending(row => row.Id).FirstOrDefaultAsync(ct);
        var failed = await db.RewrapFailures.CountAsync(ct);
        var failures = await db.RewrapFailures.AsNoTracking().OrderBy(row => row.KeyId).Take(FailuresShown)
            .Select(row => new RewrapFailureView(
                row.KeyId, row.KekId, row.Reason, row.Attempts, row.FailedAt, row.NextAttemptAt))
            .ToListAsync(ct);
        var live = await LiveReplicas.ReadAsync(db, ct);
        var needed = counts.Keys.Union(live.Select(replica => replica.CurrentKekId)).Except(ring.Ids);
        var left = counts.Where(count => count.Key != rewrap?.ToKekId).Sum(count => count.Value.Rows);
        return new VaultView(
            ring.IsOpen ? ring.Id : null,
            [.. ring.Ids.Concat(needed.Order(StringComparer.Ordinal)).Select(id =>
            {
                var (rows, deleted) = counts.TryGetValue(id, out var count) ? (count.Rows, count.Deleted) : (0, 0);
                var current = ring.IsOpen && id == ring.Id;
                var currentOn = live.Count(replica => replica.CurrentKekId == id);
                return new KeyEncryptionKeyView(
                    id, ring.Ids.Contains(id), current, rows, deleted,
                    live.Count(replica => replica.KekIds.Contains(id)), currentOn,
                    SafeToRemove: !current && currentOn == 0 && rows == 0);
            })],
            live.Count,
            rewrap is null
                ? null
                : new RewrapView(
                    rewrap.ToKekId, rewrap.StartedAt, rewrap.FinishedAt,
                    rewrap.Done + (rewrap.FinishedAt is null ? left : 0), rewrap.Done, failed, failures));
    }
}

/// <summary>The vault's key-encryption keys.</summary>
/// <param name="CurrentKey">The one this replica wraps under; null where it holds none.</param>
/// <param name="Keys">Those this replica holds, the current one first, then those it lacks and rows or
/// other live replicas need.</param>
/// <param name="Replicas">Live replicas that hold keys: they told so within the last 60 seconds.</param>
/// <param name="Rewrap">The latest; null when there was none.</param>
internal sealed record VaultView(
    string? CurrentKey, IReadOnlyList<KeyEncryptionKeyView> Keys, int Replicas, RewrapView? Rewrap);

/// <summary>One key-encryption key.</summary>
/// <param name="Id">As stored beside every wrap.</param>
/// <param name="Held">This replica has it. False: it cannot open the key's rows.</param>
/// <param name="Current">New keys are sealed under it, on this replica.</param>
/// <param name="Rows">Private keys that need it, softly deleted ones among them.</param>
/// <param name="Deleted">Those of them that are softly deleted.</param>
/// <param name="HeldBy">Live replicas that hold it.</param>
/// <param name="CurrentOn">Live replicas that seal new keys under it.</param>
/// <param name="SafeToRemove">No row needs it, and it is current neither here nor on a live replica.</param>
internal sealed record KeyEncryptionKeyView(
    string Id, bool Held, bool Current, int Rows, int Deleted, int HeldBy, int CurrentOn, bool SafeToRemove);

/// <summary>A rewrap.</summary>
/// <param name="ToKey">The key everything is brought under.</param>
/// <param name="StartedAt">When it was asked for.</param>
/// <param name="FinishedAt">Null while rows are left.</param>
/// <param name="Total">Done and left together.</param>
/// <param name="Done">Rows under the new key.</param>
/// <param name="Failed">Rows that could not be moved yet; each is tried again.</param>
/// <param name="Failures">The first 20 of them.</param>
internal sealed record RewrapView(
    string ToKey, DateTimeOffset StartedAt, DateTimeOffset? FinishedAt, int Total, int Done, int Failed,
    IReadOnlyList<RewrapFailureView> Failures);

/// <summary>A row that could not be moved.</summary>
/// <param name="Key">The vault key's id.</param>
/// <param name="KekId">The key-encryption key it is under.</param>
/// <param name="Reason">Why it cannot be moved.</param>
/// <param name="Attempts">So far.</param>
/// <param name="FailedAt">The last time.</param>
/// <param name="NextAttemptAt">It is tried again from then on.</param>
internal sealed record RewrapFailureView(
    Guid Key, string KekId, string Reason, int Attempts, DateTimeOffset FailedAt, DateTimeOffset NextAttemptAt);
