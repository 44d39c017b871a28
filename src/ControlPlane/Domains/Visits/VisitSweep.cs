using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Visits;

/// <summary>Forgets who fetched tokens long ago: user agents and addresses are kept for as long as a question about a
/// validation may come.</summary>
internal sealed class VisitSweep(IDbContextFactory<ControlPlaneDb> databases, TimeProvider time) : ISweep
{
    /// <summary>How long a visit is kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var before = time.GetUtcNow() - Kept;
        await db.TokenVisits.Where(row => row.At < before).ExecuteDeleteAsync(ct);
    }
}
