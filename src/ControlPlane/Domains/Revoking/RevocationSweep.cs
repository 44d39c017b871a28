using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Drills;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Domains.Revoking;

/// <summary>
/// Works off revocations, under the rules of a step: the intent is committed, the CA is asked once outside any
/// transaction, its answer is committed. To revoke twice is harmless, so that a lost answer is simply asked for again.
/// What must be revoked at once goes first, and its replacement is ordered after the CA was asked: CertCentral takes no
/// revocation while a reissue of the same order is under way.
/// </summary>
internal sealed partial class RevocationSweep(
    IDbContextFactory<ControlPlaneDb> databases,
    NpgsqlDataSource database,
    Authorities authorities,
    IWakes wakes,
    TimeProvider time,
    ILogger<RevocationSweep> log) : ISweep
{
    /// <summary>Calls and orders a turn, which comes every 5 s: a CA that allows 100 calls within that has others to
    /// answer.</summary>
    public const int Most = 20;

    private static readonly TimeSpan AfterFault = TimeSpan.FromMinutes(1);

    public async Task RunAsync(CancellationToken ct)
    {
        await RevocationSettlement.RunAsync(database, time.NowStored(), ct);
        // A CA that does not answer, or not us, is not asked for the others: they would only wait for it, too.
        var silent = new HashSet<string>();
        foreach (var (bundle, ca) in await DueAsync(ct))
        {
            if (!silent.Contains(ca) && !await AskAsync(bundle, ca, ct))
            {
                silent.Add(ca);
            }
        }

        foreach (var bundle in await WithoutOrderAsync(ct))
        {
            await ReplaceAsync(bundle, ct);
        }
    }

    private async Task<List<Due>> DueAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.NowStored();
        return await (
            from row in db.Revocations
            join bundle in db.Bundles on row.BundleId equals bundle.Id
            join order in db.Orders on bundle.OrderId equals order.Id
            where row.NextAttemptAt <= now
            orderby row.AtOnce descending, row.NextAttemptAt
            select new Due(row.BundleId, order.Ca)).Take(Most).ToListAsync(ct);
    }

    /// <summary>False when the CA had no answer: then the next one would have none either.</summary>
    private async Task<bool> AskAsync(Guid bundle, string issuer, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.Revocations.SingleAsync(known => known.BundleId == bundle, ct);
        var certificate = await db.Bundles.AsNoTracking().SingleAsync(known => known.Id == bundle, ct);
        var domain = await db.Domains.SingleAsync(known => known.Id == row.DomainId, ct);
        var (from, now) = (row.State, time.NowStored());
        // Committed before the call: whoever is killed in it leaves word when it is asked again.
        row.SentAt = now;
        row.NextAttemptAt = now + (from == RevocationState.Sending
            ? RevocationSchedule.AfterFault[Math.Min(row.Attempts, RevocationSchedule.AfterFault.Count - 1)]
            : RevocationSchedule.Approval);
        row.Attempts += from == RevocationState.Sending ? 1 : 0;
        await db.SaveChangesAsync(ct);
        Failpoint.OfThisProcess.Pass("Revocation.commit.Asking", domain.Hostname);

        CertificateAuthorityException? fault = null;
        try
        {
            var ca = authorities.Of(issuer);
            var answer = from == RevocationState.Sending
                ? await ca.RevokeAsync(
                    new Revocation(certificate.Leaf, row.Reason, $"Revoked for domain {domain.Id}."), ct)
                : await ca.ReadRevocationAsync(row.CaRequest!, ct);
            Failpoint.OfThisProcess.Pass("Revocation.call.Revoke", domain.Hostname);
            RevocationAnswers.Record(db, row, certificate, domain, issuer, answer, time.NowStored());
        }
        catch (CertificateAuthorityException refused)
        {
            fault = refused;
            RevocationAnswers.Record(db, row, certificate, domain, issuer, refused, time.NowStored());
            LogFault(refused, certificate.Serial, row.State, row.NextAttemptAt);
        }

        await db.SaveChangesAsync(ct);
        Failpoint.OfThisProcess.Pass("Revocation.commit.Answered", domain.Hostname);
        return fault is null or { Failure: CaFailure.Refused };
    }

    /// <summary>Those of a ban are replaced by its rekey, most exposed first.</summary>
    private async Task<List<Guid>> WithoutOrderAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.NowStored();
        return await db.Revocations
            .Where(row => row.ReplacedAt == null && row.NodeId == null && row.OrderId == null
                && (row.NextOrderAt == null || row.NextOrderAt <= now)
                && (row.State != RevocationState.Sending || row.Attempts > 0))
            .OrderByDescending(row => row.AtOnce).ThenBy(row => row.RequestedAt).Select(row => row.BundleId)
            .Take(Most).ToListAsync(ct);
    }

    private async Task ReplaceAsync(Guid bundle, CancellationToken ct)
    {
        try
        {
            if (await ReplaceRevoked.RunAsync(databases, bundle, time.NowStored(), ct) is { } hostname)
            {
                Failpoint.OfThisProcess.Pass("Revocation.commit.Opened", hostname);
                wakes.Wake(OrderState.PendingDns);
            }
        }
        catch (DbUpdateException fault)
        {
            // Most likely another order of the name came first: then the next look finds it.
            LogPostponed(fault, bundle, AfterFault);
            await using var db = await databases.CreateDbContextAsync(ct);
            var later = time.NowStored() + AfterFault;
            await db.Revocations.Where(row => row.BundleId == bundle)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.NextOrderAt, later), ct);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "Certificate {Serial} is not revoked yet: {State}, asked again {NextAt}")]
    private partial void LogFault(Exception fault, string serial, RevocationState state, DateTimeOffset? nextAt);

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "No replacement could be opened for bundle {Bundle}; again in {Pause}")]
    private partial void LogPostponed(Exception fault, Guid bundle, TimeSpan pause);

    private sealed record Due(Guid Bundle, string Ca);
}
