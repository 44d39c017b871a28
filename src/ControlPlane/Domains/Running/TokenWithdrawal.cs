using ControlPlane.TokenStore;

namespace ControlPlane.Domains.Running;

/// <summary>Takes an order's token out of the store. The caller commits.</summary>
internal static class TokenWithdrawal
{
    /// <summary>A store that is away holds nothing up: its leftover is swept, and no node serves it past its
    /// end.</summary>
    public static async Task RunAsync(OrderRun run, ITokenStore tokens, CancellationToken ct)
    {
        var order = run.Order;
        try
        {
            await run.CallAsync("WithdrawToken", () => tokens.WithdrawAsync(order.Hostname, order.Sequence, ct));
            run.Tell(EventTypes.TokenWithdrawn, "The token is withdrawn.");
        }
        catch (TokenStoreException fault)
        {
            run.Tell(EventTypes.TokenWithdrawn, $"The token will be swept later. {fault.Message}");
        }

        order.TokenPublishedAt = null;
    }
}
