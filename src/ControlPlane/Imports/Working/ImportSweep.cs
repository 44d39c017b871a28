using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Imports.Working;

/// <summary>Forgets imports that came to their end <see cref="Import.Kept"/> ago, rows and all.</summary>
internal sealed class ImportSweep(IDbContextFactory<ControlPlaneDb> databases, TimeProvider time) : ISweep
{
    public async Task RunAsync(CancellationToken ct)
    {
        var oldest = time.GetUtcNow().ToUniversalTime() - Import.Kept;
        await using var db = await databases.CreateDbContextAsync(ct);
        await db.Imports.Where(row => row.FinishedAt < oldest).ExecuteDeleteAsync(ct);
    }
}
