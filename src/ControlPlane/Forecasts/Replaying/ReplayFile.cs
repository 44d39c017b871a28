using System.Text.Json;

namespace ControlPlane.Forecasts.Replaying;

/// <summary>A replay for programs: <c>forecast.json</c>.</summary>
/// <param name="Domains">How many.</param>
/// <param name="LifetimeDays">Of each certificate.</param>
/// <param name="SimulatedDays">How long.</param>
/// <param name="Orders">Orders placed, first orders and renewals.</param>
/// <param name="PeakCallsPerMinute">Calls to the CA in the fullest minute, wherever it begins.</param>
/// <param name="LateRenewals">Certificates that ended while they were served.</param>
/// <param name="SmallestMarginDays">What the one that was replaced last had left; negative when it had ended.</param>
internal sealed record ReplayFile(
    int Domains, int LifetimeDays, int SimulatedDays, long Orders, int PeakCallsPerMinute, int LateRenewals,
    double SmallestMarginDays)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static string Of(ReplayResult result) => JsonSerializer.Serialize(
        new ReplayFile(
            result.Fleet.Domains, result.Fleet.LifetimeDays, PaperFleet.Days, result.Orders, result.PeakCallsPerMinute,
            result.LateRenewals, Math.Round(result.SmallestMargin?.TotalDays ?? 0, 2)),
        Json) + "\n";
}
