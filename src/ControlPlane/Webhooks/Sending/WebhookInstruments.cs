using System.Diagnostics.Metrics;
using ControlPlane.Metrics;

namespace ControlPlane.Webhooks.Sending;

/// <summary>What is counted of deliveries. How many wait and how many are dead is asked of the database.</summary>
internal static class WebhookInstruments
{
    private static readonly Meter Meter = new(Instruments.MeterName);

    private static readonly Counter<long> Attempts = Meter.CreateCounter<long>(
        "controlplane_webhook_attempts", description: "Posts to webhooks by result: taken, refused (another status), "
        + "unanswered.");

    private static readonly Counter<long> Dead = Meter.CreateCounter<long>(
        "controlplane_webhook_deliveries_given_up", description: "Deliveries given up after their last attempt.");

    public static void Attempted(Answer answer) => Attempts.Add(1, new KeyValuePair<string, object?>(
        "result", answer.IsTaken ? "taken" : answer.Status is null ? "unanswered" : "refused"));

    public static void GaveUp() => Dead.Add(1);
}
