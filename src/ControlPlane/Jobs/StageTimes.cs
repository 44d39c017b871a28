using System.Diagnostics.Metrics;
using ControlPlane.Domains;

namespace ControlPlane.Jobs;

/// <summary>Placeholder name until merged with Metrics/Instruments.</summary>
internal sealed class StageTimes
{
    private readonly Histogram<double> _stage = new Meter("ControlPlane").CreateHistogram<double>("controlplane_stage_seconds");

    public void Record(OrderState state, TimeSpan time) => _stage.Record(time.TotalSeconds, new KeyValuePair<string, object?>("stage", state.ToString()));
}
