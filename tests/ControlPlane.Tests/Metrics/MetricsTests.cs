using System.Diagnostics.Metrics;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using ControlPlane.Domains;
using ControlPlane.Domains.Running;
using ControlPlane.Metrics;
using ControlPlane.Tests.Http;
using ControlPlane.Tests.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Metrics;

public sealed partial class MetricsTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task The_scrape_holds_every_promised_metric_and_no_name()
    {
        await api.RegisterAsync("metric-canary.example.com");
        Instruments.TimeToActive(TimeSpan.FromSeconds(0.3), Waits.None);
        Instruments.StageTime(OrderState.PendingDns, TimeSpan.FromSeconds(2));
        var response = await api.Anonymous.GetAsync("/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        var text = await response.Content.ReadAsStringAsync();

        Assert.Contains("controlplane_orders{state=\"PendingDns\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("controlplane_orders{state=\"Active\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("controlplane_orders_due 1\n", text, StringComparison.Ordinal);
        Assert.Contains("# TYPE controlplane_time_to_active_seconds histogram\n", text, StringComparison.Ordinal);
        Assert.Contains(
            "controlplane_time_to_active_by_party_seconds_bucket{party=\"nodes\",le=\"0.05\"} ", text,
            StringComparison.Ordinal);
        Assert.Contains(
            "controlplane_stage_seconds_bucket{stage=\"PendingDns\",le=\"2.5\"} ", text, StringComparison.Ordinal);
        Assert.Contains("# TYPE controlplane_node_lag_revisions gauge\n", text, StringComparison.Ordinal);
        Assert.Contains("controlplane_webhooks{state=\"held\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("controlplane_webhook_deliveries{status=\"dead\"} 0\n", text, StringComparison.Ordinal);
        Assert.Contains("controlplane_webhook_oldest_undelivered_seconds 0\n", text, StringComparison.Ordinal);
        Assert.Contains("controlplane_database_up 1\n", text, StringComparison.Ordinal);
        Assert.Contains("route=\"/v1/domains\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("metric-canary", text, StringComparison.Ordinal);
        Assert.All(
            text.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches(Line(), line));
    }

    [Fact]
    public async Task Nodes_of_one_name_in_two_fleets_are_told_apart()
    {
        (await api.Admin.PostAsJsonAsync("/v1/fleets", new { name = "eu", cnameTarget = "eu.edge.saas.example" }))
            .EnsureSuccessStatusCode();
        foreach (var fleet in new[] { "default", "eu" })
        {
            var code = await ApiFixture.ReadAsync(
                await api.Admin.PostAsJsonAsync("/v1/nodes/join-codes", new { fleet }));
            await new TestNode(api.Anonymous, api.Clock, "same").EnrolAsync(code["code"]!.ToString());
        }

        var text = await api.Anonymous.GetStringAsync("/metrics");

        foreach (var fleet in new[] { "default", "eu" })
        {
            foreach (var gauge in new[] { "lag_revisions", "alarms", "strays" })
            {
                Assert.Contains(
                    $$"""controlplane_node_{{gauge}}{fleet="{{fleet}}",node="same"} 0""" + "\n", text,
                    StringComparison.Ordinal);
            }

            Assert.Contains($$"""controlplane_nodes{fleet="{{fleet}}",standing="Joining"} 1""" + "\n", text);
            Assert.Contains($$"""controlplane_nodes{fleet="{{fleet}}",standing="Serving"} 0""" + "\n", text);
        }
    }

    [Fact]
    public void Counters_sum_histograms_accumulate_and_labels_are_escaped()
    {
        using var text = new PrometheusText();
        using var meter = new Meter(Instruments.MeterName);
        var name = $"test_{Guid.NewGuid():N}";
        var calls = meter.CreateCounter<long>(name);
        calls.Add(2, new("result", "ok"), new KeyValuePair<string, object?>("a.b", "x\"\\\n"));
        calls.Add(3, new("a.b", "x\"\\\n"), new KeyValuePair<string, object?>("result", "ok"));
        var times = meter.CreateHistogram(
            name + "_s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2] });
        times.Record(1);
        times.Record(1.5);
        times.Record(9);

        var written = text.Write();
        Assert.Contains($$"""{{name}}_total{a_b="x\"\\\n",result="ok"} 5""", written, StringComparison.Ordinal);
        Assert.Contains(
            $$"""
            {{name}}_s_bucket{le="1"} 1
            {{name}}_s_bucket{le="2"} 2
            {{name}}_s_bucket{le="+Inf"} 3
            {{name}}_s_sum 11.5
            {{name}}_s_count 3
            """,
            written, StringComparison.Ordinal);
    }

    /// <summary>Fails when each stranger who asks takes a connection of the pool.</summary>
    [Fact]
    public async Task However_many_strangers_ask_for_metrics_the_database_is_asked_by_one_at_a_time()
    {
        await using var db = api.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        // Behind this whoever counts the orders stands still.
        await db.Database.ExecuteSqlAsync($"LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
        // Within the transaction everybody would seem to stand still for ever.
        await using var look = api.Open();

        var asked = Enumerable.Range(0, 20).Select(_ => api.Anonymous.GetStringAsync("/metrics")).ToList();
        await Eventually.TrueAsync(async () => await WaitingAsync() > 0);
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
        Assert.Equal(1, await WaitingAsync());

        await transaction.RollbackAsync();
        Assert.All(
            await Task.WhenAll(asked),
            text => Assert.Contains("controlplane_database_up", text, StringComparison.Ordinal));

        Task<int> WaitingAsync() => look.Database.SqlQuery<int>(
            $"""
             SELECT count(*)::int AS "Value" FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM orders%'
             """).SingleAsync();
    }

    [Fact]
    public async Task Health_and_readiness_are_told_without_a_key()
    {
        Assert.Contains("healthy", await api.Anonymous.GetStringAsync("/healthz"), StringComparison.Ordinal);
        Assert.Contains("\"database\"", await api.Anonymous.GetStringAsync("/readyz"), StringComparison.Ordinal);
    }

    [GeneratedRegex(
        "^(# (HELP|TYPE) [a-z0-9_]+ .+"
        + "|[a-z0-9_]+(\\{([a-z_]+=\"([^\"\\\\]|\\\\.)*\",?)+\\})? (\\+Inf|[-0-9.eE+]+))$")]
    private static partial Regex Line();
}
