using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.CertificateAuthorities.Standings;

/// <summary>Asks each CA that has something against it whether it is back, by a call that costs nothing: while orders
/// go elsewhere, nobody else would notice.</summary>
internal sealed class StandingSweep(
    Authorities authorities, IDbContextFactory<ControlPlaneDb> databases, CaStandings standings) : ISweep
{
    public async Task RunAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var names = await db.CaStandings.Where(row => row.Failures > 0 || row.RefusedAt != null)
            .Select(row => row.Ca).Distinct().ToListAsync(ct);
        foreach (var ca in names.Select(authorities.Find).OfType<ICertificateAuthority>())
        {
            try
            {
                await ca.ProbeAsync(ct);
                await standings.OnTrialAsync(ca.Name);
            }
            catch (CertificateAuthorityException)
            {
                // Not back. That it did not answer is written down already.
            }
        }
    }
}
