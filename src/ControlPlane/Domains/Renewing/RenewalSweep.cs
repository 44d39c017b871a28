using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains.Leaving;
using ControlPlane.Domains.Reading;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Domains.Renewing;

/// <summary>
/// Opens the successors of certificates whose time has come, those that end soonest first; plans those that are not
/// planned; and alarms when few days are left. How much of the CA's budget renewals may use is the budget's own affair:
/// here no more are opened than it carries, and none while the CA keeps many waiting, so that the queue stays short and
/// its order by expiry means something.
/// </summary>
internal sealed partial class RenewalSweep(
    IDbContextFactory<ControlPlaneDb> databases, Authorities authorities, RenewalCalendar calendar, IWakes wakes,
    TimeProvider time, ILogger<RenewalSweep> log) : ISweep
{
    /// <summary>A turn every half minute: 2,400 an hour. At five calls each that is what seven tenths of CertCentral's
    /// budget carry, and 17 times what 100,000 domains need at 47 days.</summary>
    internal const int Most = 20;

    /// <summary>That many wait for one CA as such: more would only wait as well, and ask it again and again. Those of
    /// other CAs go on.</summary>
    private const int MostHeldUp = 100;

    /// <summary>Planned a turn after an upgrade.</summary>
    private const int MostPlanned = 5000;

    /// <summary>An alarm comes with this much left, or a sixth of its life where that is less.</summary>
    internal static readonly TimeSpan FewDays = TimeSpan.FromDays(7);

    /// <summary>A renewal that goes as it should is done by then.</summary>
    private static readonly TimeSpan Usual = TimeSpan.FromHours(1);

    public async Task RunAsync(CancellationToken ct)
    {
        await PlanAsync(ct);
        await AlarmAsync(ct);
        var opened = 0;
        foreach (var domain in await DueAsync(ct))
        {
            opened += await OpenAsync(domain, ct) ? 1 : 0;
        }

        if (opened > 0)
        {
            wakes.Wake(OrderState.PendingDns);
        }
    }

    private async Task<List<Guid>> DueAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow();
        // One that leads elsewhere would be refused; it is looked at twice a day, and due as soon as it is back. One
        // node that refuses a successor keeps it from being proven, and all the others serve it: it is renewed in its
        // turn.
        return await db.Database.SqlQuery<Guid>(
            $"""
             WITH held_up AS (
                 SELECT ca FROM orders
                 WHERE kind IN ('Reissue', 'Renewal') AND closed_at IS NULL
                   AND reason IN ('ca-not-reachable', 'ca-budget-spent', 'ca-credential-refused')
                 GROUP BY ca HAVING count(*) >= {MostHeldUp})
             SELECT due.id AS "Value" FROM domains due JOIN tenants ON tenants.id = due.tenant_id
             WHERE due.status = 'Active' AND due.renew_at <= {now} AND due.dns_away_since IS NULL
               AND NOT EXISTS (
                   SELECT 1 FROM orders LEFT JOIN bundles ON bundles.id = orders.bundle_id
                   WHERE orders.domain_id = due.id AND closed_at IS NULL AND state <> 'Active'
                     AND (state <> 'PendingDeployment' OR not_after - (not_after - not_before) / 3 > {now}))
               AND coalesce(due.certificate_authority, tenants.certificate_authority, {authorities.Default})
                   NOT IN (SELECT ca FROM held_up)
             ORDER BY due.expires_at, due.id LIMIT {Most}
             """).ToListAsync(ct);
    }

    private async Task<bool> OpenAsync(Guid id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        // As a deletion locks it: one that came first is seen, one that comes later finds the renewal.
        var domain = await db.Domains.Locked(id).SingleAsync(ct);
        var now = time.NowStored();
        if (domain.Status != DomainStatus.Active || domain.RenewAt is null || domain.RenewAt > now
            || await SuccessorOrder.IsAwaitedAsync(db, id, now, ct))
        {
            return false;
        }

        var attempt = domain.RenewalFailures == 0 ? "" : $" This is attempt {domain.RenewalFailures + 1}.";
        SuccessorOrder.Open(
            db, domain, $"The certificate ends at {Leave.Day(domain.ExpiresAt!.Value)}: it is being renewed.{attempt}",
            now);
        try
        {
            await db.SaveChangesAsync(ct);
            await transaction.CommitAsync(ct);
            return true;
        }
        catch (DbUpdateException taken) when (taken.InnerException is PostgresException { SqlState: "23505" })
        {
            // Another order of the domain came first, from a caller that does not lock the domain: that one will do.
            return false;
        }
    }

    /// <summary>Those that were active before renewals were planned, or whose plan a restore has lost.</summary>
    private async Task PlanAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var unplanned = await db.Database.SqlQuery<Unplanned>(
            $"""
             SELECT domain.id AS "Domain", bundle.id AS "Bundle", not_before AS "NotBefore", not_after AS "NotAfter"
             FROM domains domain JOIN bundles bundle ON bundle.id = domain.active_bundle_id
             WHERE domain.status = 'Active' AND domain.renew_at IS NULL
             ORDER BY domain.expires_at LIMIT {MostPlanned}
             """).ToListAsync(ct);
        if (unplanned.Count == 0)
        {
            return;
        }

        await calendar.RefreshAsync(ct);
        var domains = unplanned.Select(one => one.Domain).ToArray();
        var bundles = unplanned.Select(one => one.Bundle).ToArray();
        var moments = unplanned.Select(one => calendar.Choose(one.Domain, one.NotBefore, one.NotAfter)).ToArray();
        await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE domains SET renew_at = plan.moment
             FROM unnest({domains}, {bundles}, {moments}) AS plan (domain, bundle, moment)
             WHERE id = plan.domain AND active_bundle_id = plan.bundle AND renew_at IS NULL
             """,
            ct);
    }

    /// <summary>Once for each certificate, whatever keeps its successor from coming: a name that is about to go dark
    /// must not wait to be noticed.</summary>
    private async Task AlarmAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.NowStored();
        var ending = await db.Domains.FromSql(
            $"""
             SELECT domain.* FROM domains domain JOIN bundles bundle ON bundle.id = domain.active_bundle_id
             WHERE domain.status = 'Active' AND domain.expires_at < {now + FewDays}
               AND domain.renewal_alarmed_at IS NULL AND domain.dns_away_since IS NULL
               AND (domain.renewal_failures > 0 OR domain.renew_at < {now - Usual})
               AND bundle.not_after - {now} < (bundle.not_after - bundle.not_before) / 6
             ORDER BY domain.expires_at LIMIT 100
             """).ToListAsync(ct);
        foreach (var domain in ending)
        {
            var newest = await db.Orders.Where(row => row.DomainId == domain.Id)
                .OrderByDescending(row => row.Sequence).FirstAsync(ct);
            var why = DomainFacts.ReasonOf(domain, newest) is { } reason
                ? $" {reason.Title} {newest.ReasonDetail}"
                : "";
            domain.RenewalAlarmed(now);
            db.Events.Add(new DomainEvent
            {
                At = now,
                TenantId = domain.TenantId,
                DomainId = domain.Id,
                OrderId = newest.Id,
                Type = EventTypes.RenewalCritical,
                Message = $"The certificate is not renewed yet. {FailedRenewal.Left(domain, now)}{why}".TrimEnd(),
            });
            LogCritical(domain.Hostname, domain.ExpiresAt!.Value);
        }

        await db.SaveChangesAsync(ct);
    }

    [LoggerMessage(
        Level = LogLevel.Critical, Message = "ALARM: {Hostname} is served until {End:u} and has no successor yet")]
    private partial void LogCritical(string hostname, DateTimeOffset end);

    private sealed record Unplanned(Guid Domain, Guid Bundle, DateTimeOffset NotBefore, DateTimeOffset NotAfter);
}
