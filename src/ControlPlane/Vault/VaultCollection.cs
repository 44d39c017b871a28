using ControlPlane.Database;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Vault;

/// <summary>Destroys keys: those softly deleted 30 days ago, and orphans — sealed, but their order's commit never
/// came.</summary>
internal sealed partial class VaultCollection(
    IDbContextFactory<ControlPlaneDb> databases, CollectionPause pause, TimeProvider time, ILogger<VaultCollection> log)
    : ISweep
{
    /// <summary>Time to notice that a deletion was a mistake.</summary>
    private static readonly TimeSpan SoftDeletion = TimeSpan.FromDays(30);

    /// <summary>An order commits within a second of sealing its key; half an hour leaves no doubt.</summary>
    private static readonly TimeSpan OrphanAge = TimeSpan.FromMinutes(30);

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await pause.IsOnAsync(db, ct))
        {
            return;
        }

        var (deletedBefore, orphanBefore) = (time.GetUtcNow() - SoftDeletion, time.GetUtcNow() - OrphanAge);
        var destroyed = await db.VaultKeys.Where(key => key.DeletedAt < deletedBefore).ExecuteDeleteAsync(ct);
        var orphans = await db.VaultKeys
            .Where(key => key.DeletedAt == null && key.CreatedAt < orphanBefore)
            .Where(key => !db.Orders.Any(order => order.KeyId == key.Id))
            .ExecuteDeleteAsync(ct);
        if (destroyed + orphans > 0)
        {
            LogCollected(destroyed, orphans);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Destroyed {Deleted} deleted keys and {Orphans} orphans")]
    private partial void LogCollected(int deleted, int orphans);
}
