using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Http;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Campaigns;

public sealed class CampaignRouteTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_campaign_is_planned_started_and_aborted_and_a_repeat_makes_no_other()
    {
        var body = Body();
        var first = await SendAsync(body, "a-campaign");
        var second = await SendAsync(body, "a-campaign");
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        var plan = await ReadAsync(first);
        Assert.Equal(plan.ToJsonString(), (await ReadAsync(second)).ToJsonString());
        Assert.Equal("planned", plan["state"]!.ToString());
        Assert.Equal("notServed", plan["plan"]!["cannot"]![0]!["why"]!.ToString());
        var path = first.Headers.Location!.ToString();
        await ProblemAsync(await CommandAsync(path, "resume"), 409, "campaign-state");

        foreach (var (command, state) in new[]
        {
            ("start", "running"), ("start", "running"), ("pause", "paused"), ("resume", "running"),
            ("abort", "aborted"), ("abort", "aborted"),
        })
        {
            Assert.Equal(state, (await ReadAsync(await CommandAsync(path, command)))["state"]!.ToString());
        }

        await ProblemAsync(await CommandAsync(path, "start"), 409, "campaign-state");
        var events = (await ReadAsync(await api.Support.GetAsync($"{path}/events")))["items"]!.AsArray();
        Assert.Equal(
            ["campaign.started", "campaign.paused", "campaign.resumed", "campaign.aborted"],
            events.Select(told => told!["type"]!.ToString()));
        Assert.Empty((await ReadAsync(await api.Support.GetAsync($"{path}/domains?state=late")))["items"]!.AsArray());
        await ProblemAsync(await api.Support.GetAsync($"{path}/domains?state=lost"), 400, "invalid-field");
        var listed = (await ReadAsync(await api.Support.GetAsync("/v1/campaigns?limit=1")))["items"]![0]!;
        Assert.Equal(plan["id"]!.ToString(), listed["id"]!.ToString());
    }

    [Fact]
    public async Task A_campaign_that_was_not_thought_through_is_refused_with_all_that_is_wrong()
    {
        foreach (var (wrong, field) in new (Action<JsonObject>, string)[]
        {
            (body => body["reason"] = " ", "reason"),
            (body => body["deadline"] = api.Clock.GetUtcNow().AddMinutes(-1), "deadline"),
            (body => body["deadline"] = api.Clock.GetUtcNow().AddDays(31), "deadline"),
            (body => body.Remove("filter"), "filter"),
            (body => body["filter"] = new JsonObject(), "filter"),
            (body => body["filter"]!["serials"] = new JsonArray("0x12"), "filter.serials"),
            (body => body["filter"]!["serials"] = new JsonArray(), "filter.serials"),
            (body => body["priority"] = "trafficClass", "trafficClass"),
            (body => body["trafficClass"] = new JsonObject { ["metadata"] = "tier", ["order"] = new JsonArray("a") },
                "trafficClass"),
        })
        {
            var body = Body();
            wrong(body);
            var problem = await ProblemAsync(await SendAsync(body), 400, "invalid-field");
            Assert.Contains(problem["errors"]!.AsArray(), fault => fault!["field"]!.ToString() == field);
        }

        var unknown = Body();
        unknown["filter"]!["exposedToNode"] = "nobody";
        await ProblemAsync(await SendAsync(unknown), 404, "not-found");
        unknown = Body();
        unknown["filter"]!["tenant"] = "nobody";
        await ProblemAsync(await SendAsync(unknown), 400, "tenant-unknown");
    }

    [Fact]
    public async Task A_list_of_a_hundred_thousand_serial_numbers_is_taken()
    {
        var body = Body();
        body["filter"]!["serials"] = new JsonArray(
            [.. Enumerable.Range(1, 100_000).Select(number => (JsonNode)$"{number:X32}")]);
        var plan = await ReadAsync(await SendAsync(body));
        Assert.Equal(100_000, (int)plan["filter"]!["serials"]!);
        Assert.Equal(100_000, (int)plan["plan"]!["cannot"]![0]!["count"]!);
    }

    private JsonObject Body() => new()
    {
        ["reason"] = "The CA said so.",
        ["deadline"] = api.Clock.GetUtcNow().AddHours(24),
        ["filter"] = new JsonObject { ["hostnames"] = new JsonArray("nobody.example.com") },
    };

    private Task<HttpResponseMessage> CommandAsync(string path, string command) =>
        api.Admin.PostAsync($"{path}/{command}", null);

    private Task<HttpResponseMessage> SendAsync(JsonObject body, string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/campaigns") { Content = JsonContent.Create(body) };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return api.Admin.SendAsync(request);
    }
}
