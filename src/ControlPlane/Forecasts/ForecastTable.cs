using ControlPlane.CertificateAuthorities;
using ControlPlane.Forecasts.Coming;
using Npgsql;

namespace ControlPlane.Forecasts;

/// <summary>The forecast of the real fleet for people at a terminal: a line for each day.</summary>
internal static class ForecastTable
{
    /// <returns>The exit status: 1 when it does not fit.</returns>
    public static async Task<int> PrintAsync(IServiceProvider services, CancellationToken ct)
    {
        var forecast = await ReadForecast.LookAsync(
            services.GetRequiredService<NpgsqlDataSource>(),
            CertificateAuthoritiesSetup.DefaultOf(services.GetRequiredService<IConfiguration>()),
            services.GetRequiredService<TimeProvider>(), ct);
        Console.WriteLine(Of(forecast));
        return forecast.FirstHourThatDoesNotFit is null ? 0 : 1;
    }

    public static string Of(ForecastView forecast)
    {
        var days = forecast.Hours.GroupBy(hour => DateOnly.FromDateTime(hour.At.UtcDateTime)).Select(day =>
            $"{day.Key:yyyy-MM-dd}  {day.Sum(hour => hour.Renewals),10:N0}  {day.Sum(hour => hour.Calls),12:N0}  "
            + $"{day.Max(hour => hour.Calls),14:N0}  {day.Last().CallsWaiting,12:N0}");
        var fit = forecast.FirstHourThatDoesNotFit is { } hour
            ? $"It does not fit from {hour:yyyy-MM-dd HH:mm} UTC on: calls wait for a later hour."
            : "It fits.";
        return $"""
            Domains to renew       {forecast.Domains,10:N0}
            at another CA          {forecast.DomainsElsewhere,10:N0}
            Open orders            {forecast.OpenOrders,10:N0}
            Imported names to come {forecast.PendingImportRows,10:N0}
            Calls an hour at most  {forecast.BudgetPerHour,10:N0}
            of them for these      {forecast.RenewalBudgetPerHour,10:N0}

            Day (UTC)     Renewals      CA calls  In fullest hour  Left waiting
            {string.Join('\n', days)}

            {fit}
            """;
    }
}
