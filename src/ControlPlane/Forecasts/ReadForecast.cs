using ControlPlane.CertificateAuthorities;
using ControlPlane.Forecasts.Coming;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Npgsql;

namespace ControlPlane.Forecasts;

/// <summary>GET /v1/forecast: the CA calls of the days to come.</summary>
internal static class ReadForecast
{
    private static readonly ForecastView Example = ComingHours.Of(
        Examples.At, [new PlannedRenewal(ComingHours.HourOf(Examples.At.AddHours(1)), 47 * 24, 12)],
        new OpenWork(0, 0, 0));

    public static void MapForecasts(this WebApplication app)
    {
        var look = new SharedLook<ForecastView>(
            TimeSpan.Zero, app.Services.GetRequiredService<TimeProvider>());
        app.MapGet("/v1/forecast", async (
                NpgsqlDataSource database, Authorities authorities, TimeProvider time, CancellationToken ct) =>
                TypedResults.Ok(await look.ReadAsync(
                    () => LookAsync(database, authorities.Default, time, CancellationToken.None), ct)))
            .WithTags("Forecast").RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadForecast").WithSummary("Forecast the calls to the CA")
            .Documented(
                $"For each of the next {ComingHours.Days * 24} hours: the renewals that are planned, the calls to "
                + "CertCentral that will be made, and those that the budget of renewals makes wait for a later hour. "
                + "`firstHourThatDoesNotFit` is the first with such, null when there is none. Counted are the served "
                + "domains by the planned moment of their renewal, and once more where they are due again; open "
                + "orders, also those that wait for a customer, and imported names as due now. Failures and repeats "
                + "are not. Domains for which another CA is chosen are told as `domainsElsewhere` and counted "
                + "nowhere else: that CA has a budget of its own.")
            .Example(null, Example with { Hours = [.. Example.Hours.Take(2)] }).Produces<ForecastView>();
    }

    public static async Task<ForecastView> LookAsync(
        NpgsqlDataSource database, string defaultCa, TimeProvider time, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        return ComingHours.Of(
            now, await PlannedRenewals.ReadAsync(database, defaultCa, now, ct),
            await OpenWork.ReadAsync(database, defaultCa, ct));
    }
}
