using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Webhooks.Sending;

/// <summary>Forgets deliveries that came to an end, well or not, <see cref="DeliverySchedule.Kept"/> ago.</summary>
internal sealed class DeliverySweep(IDbContextFactory<ControlPlaneDb> databases, TimeProvider time) : ISweep
{
    public async Task RunAsync(CancellationToken ct)
    {
        var oldest = time.GetUtcNow().ToUniversalTime() - DeliverySchedule.Kept;
        await using var db = await databases.CreateDbContextAsync(ct);
        await db.WebhookDeliveries
            .Where(row => row.Status != DeliveryState.Retrying && row.LastAttemptAt < oldest).ExecuteDeleteAsync(ct);
    }
}
