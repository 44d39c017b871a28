namespace ControlPlane.TokenStore;

/// <summary>
/// Storage that every node's agent reads and serves under <c>/.well-known/</c>. One token per order and place:
/// publishing it again replaces it, withdrawing them touches no other order's.
/// </summary>
internal interface ITokenStore
{
    /// <summary>Publishes; visible to every node when it returns, as a whole or not at all.</summary>
    /// <param name="hostname">The exact host it is served for.</param>
    /// <param name="sequence">The order's sequence: of several live tokens of a name the highest is served.</param>
    /// <param name="place">Where it is asked for.</param>
    /// <param name="value">What to answer.</param>
    /// <param name="expiresAt">From when on no node serves it, whatever happens to us.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <exception cref="TokenStoreException">The store cannot be written.</exception>
    Task PublishAsync(
        string hostname, long sequence, TokenPlace place, string value, DateTimeOffset expiresAt, CancellationToken ct);

    /// <summary>Withdraws an order's tokens, wherever they are; what is not there is withdrawn already.</summary>
    /// <exception cref="TokenStoreException">The store cannot be written.</exception>
    Task WithdrawAsync(string hostname, long sequence, CancellationToken ct);

    /// <summary>Every published token, for the sweep.</summary>
    /// <exception cref="TokenStoreException">The store cannot be read.</exception>
    Task<IReadOnlyList<(string Hostname, long Sequence)>> ListAsync(CancellationToken ct);
}

/// <summary>The token store could not do what was asked.</summary>
internal sealed class TokenStoreException(string message, Exception inner) : Exception(message, inner);
