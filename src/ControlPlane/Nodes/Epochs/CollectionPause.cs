using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Epochs;

/// <summary>
/// Whether what nobody points to may be thrown away. Not for a week after an epoch was raised, and not before every
/// serving node has been heard since this start: only they can tell that the database under us is an older one. A node
/// that stays silent becomes Lost within <see cref="NodeOptions.LostAfter"/> and is not waited for.
/// </summary>
internal sealed partial class CollectionPause(TimeProvider time, ILogger<CollectionPause> log)
{
    private readonly DateTimeOffset _startedAt = time.GetUtcNow();
    private string? _told;

    /// <summary>True while nothing may be collected.</summary>
    public async Task<bool> IsOnAsync(ControlPlaneDb db, CancellationToken ct)
    {
        var reason = await ReasonAsync(db, ct);
        if (reason != Interlocked.Exchange(ref _told, reason) && reason is not null)
        {
            LogPaused(reason);
        }

        return reason is not null;
    }

    /// <summary>When the last epoch of the pause began; null when there is none. What was made after it is no puzzle
    /// left over from a forgotten time.</summary>
    public async Task<DateTimeOffset?> SinceAsync(ControlPlaneDb db, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return await db.EpochBumps.Where(bump => bump.CollectAfter > now)
            .MaxAsync(bump => (DateTimeOffset?)bump.At, ct);
    }

    private async Task<string?> ReasonAsync(ControlPlaneDb db, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var until = await db.EpochBumps.Where(bump => bump.CollectAfter > now)
            .MaxAsync(bump => (DateTimeOffset?)bump.CollectAfter, ct);
        if (until is not null)
        {
            return $"an epoch was raised; it begins again at {until:u}";
        }

        return await db.Nodes.AnyAsync(
            node => node.Standing == NodeStanding.Serving && node.LastSeenAt < _startedAt, ct)
            ? "not every serving node was heard since this start"
            : null;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Nothing is collected: {Why}")]
    private partial void LogPaused(string why);
}
