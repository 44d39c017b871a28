using ControlPlane.Audit;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Receipts;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Vault;

/// <summary>Destroys keys: those softly deleted 30 days ago, and orphans — sealed, but their order's commit never
/// came.</summary>
internal sealed partial class VaultCollection(
    IDbContextFactory<ControlPlaneDb> databases, CollectionPause pause, AuditTrail trail, TimeProvider time,
    ILogger<VaultCollection> log)
    : ISweep
{
    /// <summary>Time to notice that a deletion was a mistake.</summary>
    private static readonly TimeSpan SoftDeletion = TimeSpan.FromDays(30);

    /// <summary>An order commits within a second of sealing its key, and so do the key that webhooks' secrets are
    /// sealed to and that of an account at a CA; half an hour leaves no doubt.</summary>
    private static readonly TimeSpan OrphanAge = TimeSpan.FromMinutes(30);

    /// <summary>Keys a turn: what is left is destroyed by the next, five minutes later.</summary>
    private const int MostKeys = 1000;

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await pause.IsOnAsync(db, ct))
        {
            return;
        }

        var now = time.GetUtcNow();
        var (deletedBefore, orphanBefore) = (now - SoftDeletion, now - OrphanAge);
        var destroyed = await DestroyAsync(
            db, "deleted", db.VaultKeys.Where(key => key.DeletedAt < deletedBefore), ct);
        var orphans = await DestroyAsync(
            db,
            "orphan",
            db.VaultKeys.Where(key => key.DeletedAt == null && key.CreatedAt < orphanBefore)
                .Where(key => !db.Orders.Any(order => order.KeyId == key.Id)
                    && !db.WebhookSealingKeys.Any(sealing => sealing.Id == key.Id)
                    && !db.AcmeAccounts.Any(account => account.KeyId == key.Id)
                    // An adoption's key, until it is over and nothing that was sealed to it waits any more.
                    && !db.Adoptions.Any(adoption => adoption.KeyId == key.Id
                        && ((adoption.ClosedAt == null && adoption.ExpiresAt > now)
                            || db.AdoptedBundles.Any(given => given.AdoptionId == adoption.Id && given.SettledAt == null
                                && db.Orders.Any(order => order.Id == given.OrderId
                                    && order.State == OrderState.PendingDns))))),
            ct);
        if (destroyed + orphans > 0)
        {
            LogCollected(destroyed, orphans);
        }
    }

    /// <summary>Destroys keys, and writes for each what it was and one entry of the trail, in one transaction: no key
    /// goes untold.</summary>
    private async Task<int> DestroyAsync(
        ControlPlaneDb db, string outcome, IQueryable<VaultKey> which, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var now = time.NowStored();
        var keys = await which.OrderBy(key => key.Id).Take(MostKeys)
            .Select(key => new DestroyedKey
            {
                Id = key.Id,
                DomainId = key.DomainId,
                OrderId = key.OrderId,
                PublicKeyHash = key.PublicKeyHash,
                CreatedAt = key.CreatedAt,
                DeletedAt = key.DeletedAt,
                DestroyedAt = now,
            })
            .ToListAsync(ct);
        var ids = keys.ConvertAll(key => key.Id);
        // The conditions once more: a key that an order took in between stays.
        var gone = await which.Where(key => ids.Contains(key.Id)).ExecuteDeleteAsync(ct);
        if (gone != ids.Count)
        {
            // Rolled back; the next turn finds the world as it is then.
            return 0;
        }

        db.AddRange(keys);
        await db.SaveChangesAsync(ct);
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        await trail.WriteWithinAsync(
            connection,
            [.. ids.Select(id => new AuditNote(
                AuditPhase.Done, AuditActor.System(nameof(VaultCollection)), "DestroyKey", $"vault_keys/{id}",
                Environment.MachineName, null, outcome))],
            ct);
        await transaction.CommitAsync(ct);
        return gone;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Destroyed {Deleted} deleted keys and {Orphans} orphans")]
    private partial void LogCollected(int deleted, int orphans);
}
