using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains.Sweeps;

/// <summary>Asks the CA which orders have moved: one call for thousands of orders, instead of one for each. Nobody
/// waiting, no call.</summary>
internal sealed partial class StatusPoll(
    ICertificateAuthority ca,
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

    private DateTimeOffset _last = DateTimeOffset.MinValue;

    public async Task RunAsync(CancellationToken ct)
    {
        if (!ca.TellsOfChanges)
        {
            return;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        var waiting = await db.Orders.AnyAsync(
            order => order.State == OrderState.PendingValidation || order.State == OrderState.PendingIssuance, ct);
        if (!waiting)
        {
            return;
        }

        var now = time.GetUtcNow();
        var window = now - _last + (options.Value.StatusPoll * Overlap);
        var changes = await ca.ChangesAsync(window < LongestWindow ? window : LongestWindow, ct);
        _last = now;
        foreach (var change in changes)
        {
            await RecordAsync(db, change, now, ct);
        }

        if (changes.Count > 0)
        {
            wakes.Wake(OrderState.PendingValidation);
            wakes.Wake(OrderState.PendingIssuance);
        }
    }

    private async Task RecordAsync(ControlPlaneDb db, CaOrder change, DateTimeOffset now, CancellationToken ct)
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
             WHERE ca_order_id = {change.CaOrderId} AND state IN ('PendingValidation', 'PendingIssuance')
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
