using System.Globalization;
using System.Text.Json;
using ControlPlane.Campaigns.Planning;

namespace ControlPlane.Campaigns;

/// <summary>Campaigns in a line, for the command line.</summary>
internal static class CampaignWords
{
    public static string Of(CampaignPlan plan, DateTimeOffset deadline) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        {plan.Found} found, {plan.ToReplace} to replace ({plan.UnderWay} under way already); {Cannot(plan)}
        {plan.CaCalls} CA calls{Shares(plan)}; one successor takes {plan.OrderSeconds} s where nothing queues.
        Started now it is done in {TimeSpan.FromSeconds(plan.Seconds):d\.hh\:mm\:ss}, {(plan.Fits
            ? $"before the deadline at {deadline.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC."
            : $"and {plan.Late} miss the deadline at {deadline.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.")}
        """);

    public static string Of(CampaignView view)
    {
        var progress = view.Progress;
        var eta = (view.FinishedAt ?? view.Eta)?.UtcDateTime.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
        return $"{view.State.ToString().ToLowerInvariant()}: {progress.Replaced + progress.Rehearsed} of "
            + $"{progress.Total - progress.Skipped} {(view.Rehearse ? "rehearsed" : "replaced")}, "
            + $"{progress.Ordered} ordered ({progress.Issued} issued), {progress.Waiting} waiting, "
            + $"{progress.Failed + progress.GivenUp} failed, {view.Late} late"
            + (progress.Dropped > 0 ? $", {progress.Dropped} dropped" : "")
            + (eta is null ? "" : view.FinishedAt is null ? $"; done at about {eta} UTC" : $"; ended at {eta} UTC");
    }

    /// <summary>A reason as it stands in a line of a terminal: without what would break the line, or command the
    /// terminal.</summary>
    public static string Line(string reason) => string.Concat(reason.Select(c => char.IsControl(c) ? ' ' : c));

    private static string Shares(CampaignPlan plan) => plan.Authorities.Count == 0
        ? ""
        : $" ({string.Join(", ", plan.Authorities.Select(ca => $"{ca.Calls} for {ca.Orders} at {ca.Name}"))})";

    /// <summary>As the API writes it.</summary>
    private static string Word(WhyLeftOut why) => JsonNamingPolicy.CamelCase.ConvertName(why.ToString());

    private static string Cannot(CampaignPlan plan) => plan.Cannot.Count == 0
        ? "nothing is left out."
        : $"left out: {string.Join(", ", plan.Cannot.Select(group => $"{group.Count} × {Word(group.Why)}"))}.";
}
