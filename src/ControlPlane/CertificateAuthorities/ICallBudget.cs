namespace ControlPlane.CertificateAuthorities;

/// <summary>The calls a CA allows us, shared by all replicas. Every call is reserved before it is sent.</summary>
internal interface ICallBudget
{
    /// <summary>Waits until one call may be sent, and spends it. Several waiters are served by priority, then in
    /// order.</summary>
    /// <param name="priority">Renewals leave a part of the budget to new domains.</param>
    /// <param name="ct">Gives up waiting; nothing is spent.</param>
    ValueTask ReserveAsync(CallPriority priority, CancellationToken ct);

    /// <summary>The CA answered 429 although we believed to be within the budget: all replicas pause.</summary>
    /// <param name="retryAfter">How long, when the CA said; otherwise its short window.</param>
    /// <param name="ct">Ends the write, not the pause.</param>
    ValueTask ExhaustedAsync(TimeSpan? retryAfter, CancellationToken ct);
}
