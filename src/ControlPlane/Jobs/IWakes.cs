using ControlPlane.Domains;

namespace ControlPlane.Jobs;

/// <summary>
/// Tells a stage that it has work now. An accelerator only: a lost wake costs seconds, because the clustered schedule
/// fires every stage anyway. Cheap, never blocks, and a hundred wakes before the stage looks are one.
/// </summary>
internal interface IWakes
{
    /// <summary>Wakes the stage that works on <paramref name="state"/>, here and on the other replicas.</summary>
    void Wake(OrderState state);
}
