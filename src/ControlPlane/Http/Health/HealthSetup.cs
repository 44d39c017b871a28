using ControlPlane.Http.OpenApi;
using ControlPlane.Http.Rates;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ControlPlane.Http.Health;

/// <summary>Whether this process lives, and whether it can do its work. Other folders add checks with
/// <c>builder.Services.AddHealthChecks().AddCheck…</c>.</summary>
internal static class HealthSetup
{
    public static void AddHealth(this WebApplicationBuilder builder) => builder.Services
        .AddSingleton<Readiness>().AddHealthChecks()
        .AddCheck<DatabaseCheck>("database", timeout: TimeSpan.FromSeconds(5))
        .AddCheck<KeyFileCheck>("key-encryption-key");

    public static void MapHealth(this WebApplication app)
    {
        var group = app.MapGroup("").WithTags("Operation").AllowAnonymous()
            .WithMetadata(new Unlimited());
        // Load balancers ask with HEAD; described once, as GET.
        group.MapMethods("/healthz", [HttpMethods.Head], () => new HealthView("healthy", [])).ExcludeFromDescription();
        group.MapMethods("/readyz", [HttpMethods.Head], ReadyAsync).ExcludeFromDescription();
        group.MapGet("/healthz", () => new HealthView("healthy", []))
            .WithName("Healthz").WithSummary("Does the process live?")
            .Documented("Asks nothing of the database: restart the process only when this fails.")
            .Example(null, new HealthView("healthy", [])).Produces<HealthView>();
        group.MapGet("/readyz", ReadyAsync).WithName("Readyz").WithSummary("Can the process do its work?")
            .Documented(
                "Database reachable, migrations applied, key-encryption keys present where this replica needs them. "
                + "`degraded` (200) when it lacks some of the keys that rows lie under, `unhealthy` when it lacks all. "
                + "Looked at once a second at most, however many ask.")
            .Example(null, new HealthView("healthy", [new("database", "healthy", null)]))
            .Produces<HealthView>().Produces<HealthView>(StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> ReadyAsync(Readiness readiness, CancellationToken ct)
    {
        var report = await readiness.ReadAsync(ct);
        var checks = report.Entries.Select(
            entry => new HealthEntry(entry.Key, Word(entry.Value.Status), entry.Value.Description));
        return TypedResults.Json(
            new HealthView(Word(report.Status), [.. checks]),
            statusCode: report.Status == HealthStatus.Unhealthy ? 503 : 200);
    }

    private static string Word(HealthStatus status) => status.ToString().ToLowerInvariant();
}

/// <summary>The state of the process.</summary>
/// <param name="Status"><c>healthy</c>, <c>degraded</c> or <c>unhealthy</c>.</param>
/// <param name="Checks">What was looked at.</param>
internal sealed record HealthView(string Status, IReadOnlyList<HealthEntry> Checks);

/// <summary>One check.</summary>
internal sealed record HealthEntry(string Name, string Status, string? Detail);
