using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ControlPlane.Http.Health;

/// <summary>
/// The checks behind <c>/readyz</c>, which anybody may call and no rate limits: they run one at a time and once a
/// second at most, so that strangers who ask take one connection of the pool together, and not one each.
/// </summary>
internal sealed class Readiness(HealthCheckService health, TimeProvider time)
{
    /// <summary>A second: load balancers ask every few.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly Lock _turn = new();
    private Task<HealthReport>? _report;
    private long _askedAt;

    /// <param name="ct">Ends the caller's wait, not the checks: others wait for them.</param>
    public Task<HealthReport> ReadAsync(CancellationToken ct)
    {
        lock (_turn)
        {
            if (_report is null or { IsCompleted: true, IsCompletedSuccessfully: false }
                || (_report.IsCompleted && time.GetElapsedTime(_askedAt) >= Fresh))
            {
                _askedAt = time.GetTimestamp();
                _report = health.CheckHealthAsync(CancellationToken.None);
            }

            return _report.WaitAsync(ct);
        }
    }
}
