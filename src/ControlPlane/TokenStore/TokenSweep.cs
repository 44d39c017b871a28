using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.TokenStore;

/// <summary>Withdraws tokens whose order no longer needs one: failed, or ended by a worker that was killed before it
/// tidied up.</summary>
internal sealed partial class TokenSweep(
    ITokenStore tokens, IDbContextFactory<ControlPlaneDb> databases, CollectionPause pause, ILogger<TokenSweep> log)
    : ISweep
{
    public async Task RunAsync(CancellationToken ct)
    {
        // Listed before the orders are read: an order that publishes in between is read as alive.
        var published = await tokens.ListAsync(ct);
        if (published.Count == 0)
        {
            return;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        if (await pause.IsOnAsync(db, ct))
        {
            return;
        }

        var sequences = published.Select(token => token.Sequence).ToHashSet();
        var wanted = await db.Orders
            .Where(
                order => sequences.Contains(order.Sequence) && order.ClosedAt == null
                    && order.State != OrderState.Active)
            .Select(order => order.Sequence)
            .ToHashSetAsync(ct);
        foreach (var (hostname, sequence) in published.Where(token => !wanted.Contains(token.Sequence)))
        {
            await tokens.WithdrawAsync(hostname, sequence, ct);
            LogWithdrawn(sequence, hostname);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Information, Message = "Withdrew the leftover token of order {Sequence} for {Hostname}")]
    private partial void LogWithdrawn(long sequence, string hostname);
}
