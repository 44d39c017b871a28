using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Http.Idempotency;

/// <summary>Forgets old Idempotency-Keys with the answers they hold; a key is then free for another request.</summary>
internal sealed class IdempotencySweep(IDbContextFactory<ControlPlaneDb> databases, TimeProvider time) : ISweep
{
    /// <summary>A caller whose Friday deploy went wrong may repeat its requests after the weekend.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(72);

    public async Task RunAsync(CancellationToken ct)
    {
        var oldest = time.GetUtcNow().ToUniversalTime() - Kept;
        await using var db = await databases.CreateDbContextAsync(ct);
        await db.IdempotencyKeys.Where(row => row.CreatedAt < oldest).ExecuteDeleteAsync(ct);
    }
}
