namespace ControlPlane.Forecasts;

internal static class ForecastTable
{
    public static Task<int> PrintAsync(IServiceProvider services, CancellationToken ct) => Task.FromResult(services is null || ct.IsCancellationRequested ? 1 : 0);
}
