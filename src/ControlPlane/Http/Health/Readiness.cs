using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ControlPlane.Http.Health;

/// <summary>The checks behind <c>/readyz</c>: they run once a second at most.</summary>
internal sealed class Readiness(HealthCheckService health, TimeProvider time)
{
    /// <summary>A second: load balancers ask every few.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly SharedLook<HealthReport> _report = new(Fresh, time);

    /// <param name="ct">Ends the caller's wait, not the checks: others wait for them.</param>
    public Task<HealthReport> ReadAsync(CancellationToken ct) =>
        _report.ReadAsync(() => health.CheckHealthAsync(CancellationToken.None), ct);
}
