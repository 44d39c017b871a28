using ControlPlane.Nodes.Fleets;
using ControlPlane.SupportConsole.Reading;

namespace ControlPlane.SupportConsole.Pages;

/// <summary>Fleets and their nodes.</summary>
internal static class FleetPages
{
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet("fleets", AllAsync).WithName("ConsoleFleets");
        pages.MapGet("fleets/{fleet}", OneAsync).WithName("ConsoleFleet");
    }

    private static async Task<IResult> AllAsync(
        [AsParameters] ReadFleets.Tools tools, FleetCounts counts, CancellationToken ct) =>
        new HtmlPage<FleetsPage>("Fleets", await ReadFleetFacts.AllAsync(tools, counts, ct)) { LiveSeconds = 5 };

    private static async Task<IResult> OneAsync(
        string fleet, [AsParameters] ReadFleets.Tools tools, FleetCounts counts, CancellationToken ct) =>
        (await ReadFleetFacts.AllAsync(tools, counts, ct))
            .FirstOrDefault(one => one.View.Name == fleet || one.View.Id.ToString() == fleet) is { } found
            ? new HtmlPage<FleetPage>($"Fleet {found.View.Name}", found) { LiveSeconds = 5 }
            : Notice.Page(
                StatusCodes.Status404NotFound, "There is no such fleet.", "See all fleets at /console/fleets.");
}
