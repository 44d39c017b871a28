using ControlPlane.Jobs;

namespace ControlPlane.Vault.Rewrapping;

/// <summary>Carries an open rewrap on, wherever it was left.</summary>
internal sealed class RewrapSweep(Rewrapper rewrapper) : ISweep
{
    /// <summary>Below the minute after which a thread of the job engine is missed; the next turn goes on.</summary>
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(20);

    public Task RunAsync(CancellationToken ct) => rewrapper.RunAsync(Turn, ct);
}
