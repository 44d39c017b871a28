using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Vault.Replicas;

/// <summary>A running replica that holds key-encryption keys, as it last told of itself.</summary>
internal sealed class VaultReplica
{
    /// <summary>Of one run of the program: a restart may come with other keys.</summary>
    public required Guid Id { get; init; }

    /// <summary>It seals new keys under this one.</summary>
    public required string CurrentKekId { get; init; }

    /// <summary>All it holds, the current one among them.</summary>
    public required string[] KekIds { get; init; }

    /// <summary>By the database's clock.</summary>
    public required DateTimeOffset SeenAt { get; init; }
}

/// <summary>The replicas that told of themselves within the last 60 seconds: four heartbeats, of which three may be
/// lost.</summary>
internal static class LiveReplicas
{
    public static Task<List<VaultReplica>> ReadAsync(ControlPlaneDb db, CancellationToken ct) =>
        db.VaultReplicas
            .FromSql($"SELECT * FROM vault_replicas WHERE seen_at > now() - interval '60 seconds'")
            .AsNoTracking().ToListAsync(ct);

    /// <summary>Why nothing may be moved under a key; null when every live replica holds it.</summary>
    public static async Task<string?> RefusalAsync(ControlPlaneDb db, string key, CancellationToken ct)
    {
        var live = await ReadAsync(db, ct);
        var lacking = live.Count(replica => !replica.KekIds.Contains(key));
        return lacking == 0
            ? null
            : $"{lacking} of {live.Count} live replicas lack the key {key} and could not open what is moved under it. "
            + "Restart them with both the old key and the new one in Vault:Keys, then begin the rewrap again. A "
            + "replica that was killed counts for 60 seconds more.";
    }
}
