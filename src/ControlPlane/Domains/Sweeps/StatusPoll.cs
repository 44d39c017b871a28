using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains.Sweeps;

/// <summary>Asks each CA that tells which orders have moved: one call for thousands of orders, instead of one for each.
/// Nobody waiting, no call.</summary>
internal sealed partial class StatusPoll(
    Authorities authorities,
    IDbContextFactory<ControlPlaneDb> databases,
    IWakes wakes,
    TimeProvider time,
    IOptions<JobOptions> options,
    ILogger<StatusPoll> log) : ISweep
{
    /// <summary>Windows overlap, so that a slow answer or a missed turn hides nothing: each looks this many turns
    /// back.</summary>
    private const int Overlap = 4;

    /// <summary>A first look, or one after a pause, reaches back this far; an order that moved earlier is read by
    /// itself.</summary>
    private static readonly TimeSpan LongestWindow = TimeSpan.FromHours(1);

    private readonly Dictionary<string, DateTimeOffset> _last = [];

    public async Task RunAsync(CancellationToken ct)
    {
        foreach (var ca in authorities.All.Where(ca => ca.TellsOfChanges))
        {
            await AskAsync(ca, ct);
        }
    }

    private async Task AskAsync(ICertificateAuthority ca, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var waiting = await db.Orders.AnyAsync(
            order => order.Ca == ca.Name
                && (order.State == OrderState.PendingValidation || order.State == OrderState.PendingIssuance),
            ct);
        if (!waiting)
        {
            return;
        }

        var now = time.GetUtcNow();
        var last = _last.GetValueOrDefault(ca.Name, DateTimeOffset.MinValue);
        var window = now - last + (options.Value.StatusPoll * Overlap);
        var changes = await ca.ChangesAsync(window < LongestWindow ? window : LongestWindow, ct);
        _last[ca.Name] = now;
        foreach (var change in changes)
        {
            await RecordAsync(db, ca, change, now, ct);
        }

        if (changes.Count > 0)
        {
            wakes.Wake(OrderState.PendingValidation);
            wakes.Wake(OrderState.PendingIssuance);
        }
    }

    private async Task RecordAsync(
        ControlPlaneDb db, ICertificateAuthority ca, CaOrder change, DateTimeOffset now, CancellationToken ct)
    {
        if (change.Status == CaOrderStatus.Unknown)
        {
            LogUnknownStatus(change.CaOrderId, change.StatusWord);
        }

        if (change.Status is not (CaOrderStatus.Issued or CaOrderStatus.Closed))
        {
            return;
        }

        // Of a reissue, the word may still be about the certificate before.
        // The word is for the step; the step reads the order itself before it acts on anything but "issued".
        var word = change.Status == CaOrderStatus.Issued ? CaWords.Issued : change.StatusWord;
        await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE orders SET
                 ca_status = {word}, ca_certificate_id = coalesce({change.CaCertificateId}, ca_certificate_id),
                 nudges = nudges + 1, next_attempt_at = least(next_attempt_at, {now})
             WHERE ca = {ca.Name} AND ca_order_id = {change.CaOrderId}
               AND state IN ('PendingValidation', 'PendingIssuance')
               AND ca_status IS DISTINCT FROM {word} AND lease_token IS NULL
               AND (reissue_baseline IS NULL
                    OR reissue_baseline ->> 'certificateId' IS DISTINCT FROM {change.CaCertificateId})
             """,
            ct);
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "CA order {CaOrder} has the unknown status '{Status}': still waiting")]
    private partial void LogUnknownStatus(string caOrder, string status);
}
