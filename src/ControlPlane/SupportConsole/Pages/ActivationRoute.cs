using ControlPlane.SupportConsole.Reading;
using Npgsql;

namespace ControlPlane.SupportConsole.Pages;

/// <summary>GET /console/time-to-active: the plot.</summary>
internal static class ActivationRoute
{
    /// <summary>Hours, and how they are called.</summary>
    public static readonly IReadOnlyList<(int Hours, string Name)> Windows =
        [(24, "24 hours"), (7 * 24, "7 days"), (30 * 24, "30 days")];

    public static void Map(RouteGroupBuilder pages) =>
        pages.MapGet("time-to-active", HandleAsync).WithName("ConsoleTimeToActive");

    private static async Task<IResult> HandleAsync(
        NpgsqlDataSource database, TimeProvider time, CancellationToken ct, int? hours = null)
    {
        var window = Windows.Any(one => one.Hours == hours) ? hours!.Value : Windows[0].Hours;
        var read = await Activations.ReadAsync(database, window, time.GetUtcNow().ToUniversalTime(), ct);
        return new HtmlPage<ActivationPage>("Time to active", read) { LiveSeconds = 30 };
    }
}
