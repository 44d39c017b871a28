using ControlPlane.Http.OpenApi;

namespace ControlPlane.Metrics;

/// <summary>GET /metrics. Needs no key: it holds no customer's name.</summary>
internal static class MetricsSetup
{
    private const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static void AddMetrics(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<PrometheusText>();
        builder.Services.AddSingleton<DatabaseGauges>();
    }

    public static void MapMetrics(this WebApplication app)
    {
        // Made now, not at the first scrape, so that nothing measured before it is lost.
        var measured = app.Services.GetRequiredService<PrometheusText>();
        app.MapGet("/metrics", async (DatabaseGauges gauges, CancellationToken ct) =>
                TypedResults.Text(measured.Write() + await gauges.WriteAsync(ct), ContentType))
            .WithTags("Operation").AllowAnonymous().WithName("Metrics").WithSummary("Metrics for Prometheus")
            .Documented(
                "Prometheus text 0.0.4: time to active, also by party, and time per stage as histograms, orders by "
                + "state, due orders, node lag, webhooks, calls to the certificate authority by route and result.")
            .Example(null, "controlplane_orders{state=\"Active\"} 300\n")
            .Produces<string>(contentType: "text/plain");
    }
}
