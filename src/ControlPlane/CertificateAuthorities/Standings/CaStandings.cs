using System.Collections.Concurrent;
using ControlPlane.Database;
using ControlPlane.Domains.Hostnames;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.CertificateAuthorities.Standings;

/// <summary>Writes down how CAs answer. It never fails a call: what is not recorded now is recorded with the
/// next.</summary>
internal sealed partial class CaStandings(
    IDbContextFactory<ControlPlaneDb> databases, FailoverOptions options, TimeProvider time, ILogger<CaStandings> log)
{
    /// <summary>A CA that answers is written down at most so often: hundreds of calls a minute say the same.</summary>
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(5);

    /// <summary>How long a quota counts as used up where the CA does not say.</summary>
    private static readonly TimeSpan QuotaPause = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<(string Ca, CaCalls Calls), long> _wellAt = new();

    /// <summary>It answered, be it with a refusal: it is there.</summary>
    public async Task AnsweredAsync(string ca, CaCalls calls)
    {
        if (_wellAt.TryGetValue((ca, calls), out var at) && time.GetElapsedTime(at) < Often)
        {
            return;
        }

        _wellAt[(ca, calls)] = time.GetTimestamp();
        var word = calls.ToString();
        await WriteAsync(
            $"""
             UPDATE ca_standings SET failures = 0, failing_since = NULL, failed_at = NULL, refused_at = NULL,
                 no_quota_since = NULL, no_quota_until = NULL, no_quota_name = NULL
             WHERE ca = {ca} AND calls = {word}
               AND (failures > 0 OR refused_at IS NOT NULL OR no_quota_since IS NOT NULL)
             """);
    }

    /// <summary>A call brought no answer, or none that helps.</summary>
    /// <param name="ca">The CA's name.</param>
    /// <param name="calls">Which of its calls.</param>
    /// <param name="fault">What came of it.</param>
    /// <param name="hostname">For which name; null: for none in particular.</param>
    public Task FailedAsync(string ca, CaCalls calls, CertificateAuthorityException fault, string? hostname)
    {
        _wellAt.TryRemove((ca, calls), out _);
        var (now, word) = (time.NowStored(), calls.ToString());
        switch (fault.Failure)
        {
            case CaFailure.Refused:
                return AnsweredAsync(ca, calls);
            case CaFailure.CredentialRefused:
                return WriteAsync(
                    $"""
                     INSERT INTO ca_standings (ca, calls, refused_at) VALUES ({ca}, {word}, {now})
                     ON CONFLICT (ca, calls)
                         DO UPDATE SET refused_at = coalesce(ca_standings.refused_at, excluded.refused_at)
                     """);
            // Our own budget of calls of other kinds is used up in every burst, and says nothing.
            case CaFailure.NoBudget when calls == CaCalls.Orders:
                var until = now + (fault.RetryAfter > QuotaPause ? fault.RetryAfter.Value : QuotaPause);
                // CAs count by registered domain, too: until others have met it as well, it may be that one's quota.
                var name = hostname is null ? null : PublicSuffixes.RegisteredDomainOf(hostname);
                return WriteAsync(
                    $"""
                     INSERT INTO ca_standings (ca, calls, no_quota_since, no_quota_until, no_quota_name)
                     VALUES ({ca}, {word}, {now}, {until}, {name})
                     ON CONFLICT (ca, calls) DO UPDATE SET
                         no_quota_since = CASE WHEN ca_standings.no_quota_until + {QuotaPause} >= {now}
                             THEN ca_standings.no_quota_since ELSE excluded.no_quota_since END,
                         no_quota_name = CASE WHEN ca_standings.no_quota_until + {QuotaPause} >= {now}
                                 AND ca_standings.no_quota_name IS DISTINCT FROM excluded.no_quota_name
                             THEN NULL ELSE excluded.no_quota_name END,
                         no_quota_until = greatest(ca_standings.no_quota_until, excluded.no_quota_until)
                     """);
            case CaFailure.NotDone or CaFailure.AnswerLost:
                return WriteAsync(
                    $"""
                     INSERT INTO ca_standings (ca, calls, failures, failing_since, failed_at)
                     VALUES ({ca}, {word}, 1, {now}, {now})
                     ON CONFLICT (ca, calls) DO UPDATE SET failures = ca_standings.failures + 1,
                         failing_since = coalesce(ca_standings.failing_since, excluded.failing_since),
                         failed_at = excluded.failed_at
                     """);
            default:
                return Task.CompletedTask;
        }
    }

    /// <summary>It answers again, with our credential, and no order was tried: one more failure, and it is down as
    /// before.</summary>
    public Task OnTrialAsync(string ca)
    {
        var most = options.FailoverFailures - 1;
        return WriteAsync(
            $"""
             UPDATE ca_standings SET refused_at = NULL, failures = least(failures, {most}),
                 failing_since = CASE WHEN {most} > 0 THEN failing_since END,
                 failed_at = CASE WHEN {most} > 0 THEN failed_at END
             WHERE ca = {ca} AND calls = {nameof(CaCalls.Orders)}
             """);
    }

    private async Task WriteAsync(FormattableString sql)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
            await db.Database.ExecuteSqlAsync(sql, CancellationToken.None);
        }
        catch (Exception fault)
        {
            // The call's own answer may be an order that was paid for.
            LogNotRecorded(fault);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "How a CA answered could not be written down")]
    private partial void LogNotRecorded(Exception fault);
}
