using System.Diagnostics.Metrics;
using ControlPlane.Domains;
using ControlPlane.Domains.Running;

namespace ControlPlane.Metrics;

/// <summary>
/// What the program measures about itself. Labels hold states, routes and node names, never a hostname, tenant or key:
/// <c>/metrics</c> needs no credential, and a label per customer would grow without bound.
/// </summary>
internal static class Instruments
{
    /// <summary>The meter that <c>/metrics</c> shows; other folders add their counters under the same name.</summary>
    public const string MeterName = "ControlPlane";

    /// <summary>Seconds. Fine below a second, where our own time lies; up to a day, because DNS is the
    /// customer's.</summary>
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400],
    };

    private static readonly Meter Meter = new(MeterName);

    private static readonly Histogram<double> TimeToActiveSeconds = Meter.CreateHistogram(
        "controlplane_time_to_active_seconds", "s",
        "From a domain's registration to its first proof on every serving node.",
        tags: null, advice: Seconds);

    private static readonly Histogram<double> TimeToActiveByPartySeconds = Meter.CreateHistogram(
        "controlplane_time_to_active_by_party_seconds", "s",
        "How much of a domain's time to active was spent waiting for whom.",
        tags: null, advice: Seconds);

    private static readonly Histogram<double> StageSeconds = Meter.CreateHistogram(
        "controlplane_stage_seconds", "s", "Time an order spent in a state before it moved on.",
        tags: null, advice: Seconds);

    private static readonly Histogram<double> RequestSeconds = Meter.CreateHistogram(
        "controlplane_http_request_seconds", "s", "Time to answer a request of the API, by route and status.",
        tags: null, advice: Seconds);

    private static readonly Counter<long> EpochsRaised = Meter.CreateCounter<long>(
        "controlplane_epochs_raised", description: "Fleets whose epoch was raised after a restore, by cause.");

    private static readonly Counter<long> Failovers = Meter.CreateCounter<long>(
        "controlplane_ca_failovers", description: "Orders that went to another CA than before, by both.");

    /// <summary>An order went to another CA than before.</summary>
    public static void Failover(string from, string to) => Failovers.Add(
        1, new KeyValuePair<string, object?>("from", from), new KeyValuePair<string, object?>("to", to));

    /// <summary>A restore was noticed.</summary>
    /// <param name="cause">How.</param>
    /// <param name="fleets">Fleets whose epoch was raised; none counts nothing.</param>
    public static void EpochRaised(string cause, int fleets) =>
        EpochsRaised.Add(fleets, new KeyValuePair<string, object?>("cause", cause));

    /// <summary>A domain became active for the first time.</summary>
    /// <param name="elapsed">Since its registration.</param>
    /// <param name="waits">For whom it waited meanwhile.</param>
    public static void TimeToActive(TimeSpan elapsed, Waits waits)
    {
        TimeToActiveSeconds.Record(elapsed.TotalSeconds);
        Party("customer", waits.Customer);
        Party("ours", waits.Ours);
        Party("ca", waits.Ca);
        Party("nodes", waits.Nodes);

        static void Party(string name, TimeSpan waited) => TimeToActiveByPartySeconds.Record(
            waited.TotalSeconds, new KeyValuePair<string, object?>("party", name));
    }

    /// <summary>An order left a state.</summary>
    /// <param name="left">The state it left.</param>
    /// <param name="elapsed">How long it had been there.</param>
    public static void StageTime(OrderState left, TimeSpan elapsed) =>
        StageSeconds.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("stage", left.ToString()));

    /// <summary>A request was answered.</summary>
    /// <param name="route">The route's template, never the path itself.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="elapsed">From first byte to answer.</param>
    public static void Request(string route, int status, TimeSpan elapsed) => RequestSeconds.Record(
        elapsed.TotalSeconds,
        new KeyValuePair<string, object?>("route", route),
        new KeyValuePair<string, object?>("status", status));
}
