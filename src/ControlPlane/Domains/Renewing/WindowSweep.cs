using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains.Leaving;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Renewing;

/// <summary>
/// Asks a CA that tells it when it would have each served certificate renewed (RFC 9773), as often as the CA wants to
/// be asked. A plan within the CA's window, or before it, stays; one past it moves to a moment of the window, at
/// random, which is how the CA spreads its load. So a certificate that is to be revoked is replaced in time.
/// </summary>
internal sealed partial class WindowSweep(
    Authorities authorities, IDbContextFactory<ControlPlaneDb> databases, TimeProvider time, ILogger<WindowSweep> log)
    : ISweep
{
    /// <summary>A turn every minute: 288,000 a day, for CAs that want to be asked every six hours.</summary>
    private const int Most = 200;

    private const int AtOnce = 4;

    /// <summary>Where the CA says nothing about a certificate, or could not be asked.</summary>
    private static readonly TimeSpan Untold = TimeSpan.FromDays(1), Later = TimeSpan.FromHours(1);

    /// <summary>No certificate is moved up to before it is so old: a CA that would have each one renewed at once would
    /// otherwise be asked for one after the other, for ever.</summary>
    internal static readonly TimeSpan LeastAge = TimeSpan.FromHours(12);

    public async Task RunAsync(CancellationToken ct)
    {
        var telling = authorities.All.Where(ca => ca.TellsRenewalWindows).Select(ca => ca.Name).ToArray();
        if (telling.Length == 0)
        {
            return;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow();
        var due = await db.Database.SqlQuery<Served>(
            $"""
             SELECT domain.id AS "Domain", domain.tenant_id AS "Tenant", domain.renew_at AS "RenewAt",
                 orders.ca AS "Ca",
                 bundle.id AS "Bundle", leaf AS "Leaf", not_before AS "NotBefore", not_after AS "NotAfter",
                 bundle.created_at AS "Since"
             FROM domains domain JOIN bundles bundle ON bundle.id = domain.active_bundle_id
             JOIN orders ON orders.id = bundle.order_id AND orders.ca = ANY ({telling})
             WHERE domain.status = 'Active' AND domain.renew_at > {now}
               AND (domain.window_look_due_at IS NULL OR domain.window_look_due_at <= {now})
             ORDER BY domain.window_look_due_at NULLS FIRST LIMIT {Most}
             """).ToListAsync(ct);
        await Parallel.ForEachAsync(
            due, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
            async (served, cancel) => await LookAsync(served, cancel));
    }

    private async Task LookAsync(Served served, CancellationToken ct)
    {
        var ca = authorities.Of(served.Ca);
        RenewalWindow? window = null;
        var again = Untold;
        try
        {
            window = await ca.RenewalWindowAsync(served.Leaf, ct);
            again = window?.AskAgainAfter ?? again;
        }
        catch (CertificateAuthorityException fault)
        {
            again = fault.RetryAfter > Later ? fault.RetryAfter.Value : Later;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            // Whatever a CA says of one certificate, it is asked about the others.
            LogSurprise(fault, served.Domain, served.Ca);
            again = Later;
        }

        var now = time.NowStored();
        DateTimeOffset? moved = window?.End < served.RenewAt ? Within(window, now, served.Since) : null;
        moved = moved < served.RenewAt ? moved : null;
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var written = await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE domains SET renew_at = coalesce({moved}, renew_at),
                 window_look_due_at = {now + (again * (1 + (Random.Shared.NextDouble() * 0.1)))}
             WHERE id = {served.Domain} AND active_bundle_id = {served.Bundle} AND renew_at = {served.RenewAt}
             """,
            ct);
        // Within its last two thirds a certificate is renewed anyhow; before that, or with a reason, it is news.
        if (written > 0 && moved is { } moment && window is not null
            && (window.Why is not null || moment < RenewalMoment.Earliest(served.NotBefore, served.NotAfter)))
        {
            db.Events.Add(new DomainEvent
            {
                At = now,
                TenantId = served.Tenant,
                DomainId = served.Domain,
                Type = EventTypes.RenewalMovedUp,
                Message = $"{ca.Name} would have the certificate renewed by {Leave.Day(window.End)}: its renewal is "
                    + $"moved up to {Leave.Day(moment)}."
                    + (window.Why is { } why ? $" Why, it says at {why}" : ""),
            });
            await db.SaveChangesAsync(ct);
            LogMovedUp(served.Domain, moment, window.Why);
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>As soon as may be, when all of it is past.</summary>
    private static DateTimeOffset Within(RenewalWindow window, DateTimeOffset now, DateTimeOffset since)
    {
        var soonest = now > since + LeastAge ? now : since + LeastAge;
        var start = window.Start > soonest ? window.Start : soonest;
        var moment = window.End > start ? start + ((window.End - start) * Random.Shared.NextDouble()) : soonest;
        return moment.ToUniversalTime();
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The CA would have the certificate of domain {Domain} renewed early: moved up to {Moment:u}; {Why}")]
    private partial void LogMovedUp(Guid domain, DateTimeOffset moment, Uri? why);

    [LoggerMessage(
        Level = LogLevel.Error, Message = "For domain {Domain} the renewal window of {Ca} could not be read")]
    private partial void LogSurprise(Exception fault, Guid domain, string ca);

    private sealed record Served(
        Guid Domain, Guid Tenant, DateTimeOffset RenewAt, string Ca, Guid Bundle, byte[] Leaf,
        DateTimeOffset NotBefore, DateTimeOffset NotAfter, DateTimeOffset Since);
}
