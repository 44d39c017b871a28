namespace ControlPlane.Jobs;

/// <summary>A periodic rescue: finds what fell between two chairs. Fired by the job engine, on one replica at a
/// time.</summary>
internal interface ISweep
{
    /// <summary>Looks once. An exception is logged, and the next turn tries again.</summary>
    Task RunAsync(CancellationToken ct);
}
