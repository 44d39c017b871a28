using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.CertificateAuthorities.Standings;

/// <summary>Asks each CA that has something against it whether it is back, by a call that costs nothing: while orders
/// go elsewhere, nobody else would notice.</summary>
internal sealed partial class StandingSweep(
    Authorities authorities, IDbContextFactory<ControlPlaneDb> databases, CaStandings standings,
    ILogger<StandingSweep> log) : ISweep
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
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                // Such as its account's key that does not open: the others are asked all the same.
                LogSurprise(fault, ca.Name);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Whether {Ca} is back could not be asked")]
    private partial void LogSurprise(Exception fault, string ca);
}
