using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ControlPlane.Contracts;
using ControlPlane.Nodes;

namespace ControlPlane.Tests.Nodes.Enrolling;

public sealed class EnrolNodeTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_code_makes_one_node_and_repeats_its_answer_to_the_same_keys_only()
    {
        await using var app = await NodesApp.StartAsync(database);
        var code = await app.JoinCodeAsync((await app.Rows.FleetAsync()).Name);
        var node = new TestNode(app.Http, app.Clock, "n1");
        await node.EnrolAsync(code);
        var first = node.Identity;

        await node.EnrolAsync(code);
        Assert.Equal(first, node.Identity);
        Assert.Equal(
            HttpStatusCode.Unauthorized, await EnrolAsync(app, new TestNode(app.Http, app.Clock, "n2").Request(code)));
    }

    [Fact]
    public async Task Every_bad_code_gets_the_same_answer()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = (await app.Rows.FleetAsync()).Name;
        var expired = await app.JoinCodeAsync(fleet);
        app.Clock.Advance(TimeSpan.FromMinutes(61));
        var used = await app.JoinCodeAsync(fleet);
        await new TestNode(app.Http, app.Clock, "n1").EnrolAsync(used);

        var answers = new HashSet<string>();
        var unknown = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        foreach (var code in new[] { expired, used, "", "short", unknown })
        {
            using var answer = await app.Http.PostAsJsonAsync(
                Routes.Enrol, new TestNode(app.Http, app.Clock, "n2").Request(code),
                ContractsJson.Default.EnrolRequest);
            var problem = await answer.Content.ReadFromJsonAsync<Dictionary<string, object>>();
            problem!.Remove("traceId");
            answers.Add($"{answer.StatusCode} {string.Join(' ', problem)}");
        }

        Assert.StartsWith("Unauthorized", Assert.Single(answers));
    }

    [Fact]
    public async Task A_ban_ends_the_codes_that_lie_about_and_what_the_thief_holds_enrols_no_more()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = (await app.Rows.FleetAsync()).Name;
        var stolen = await app.EnrolAsync("stolen", fleet);
        var lyingAbout = await app.JoinCodeAsync(fleet);
        using var banned = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{stolen.Id}/ban", new { });

        var thief = new TestNode(app.Http, app.Clock, "thief");
        Assert.Equal(HttpStatusCode.Unauthorized, await EnrolAsync(app, thief.Request(lyingAbout)));
        var again = thief.Request(await app.JoinCodeAsync(fleet));
        var sealing = stolen.SealingKey.ExportSubjectPublicKeyInfo();
        Assert.Equal(HttpStatusCode.Conflict, await EnrolAsync(app, again with { SealingKey = sealing }));
        Assert.Equal(HttpStatusCode.Created, await EnrolAsync(app, again));
    }

    [Fact]
    public async Task A_live_name_is_taken_and_free_again_after_retirement()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = (await app.Rows.FleetAsync()).Name;
        var old = await app.EnrolAsync("n1", fleet);
        var code = await app.JoinCodeAsync(fleet);
        var successor = new TestNode(app.Http, app.Clock, "n1");

        Assert.Equal(HttpStatusCode.Conflict, await EnrolAsync(app, successor.Request(code)));
        using var retired = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{old.Id}/retire");
        Assert.Equal(HttpStatusCode.OK, retired.StatusCode);
        await successor.EnrolAsync(code);
        Assert.NotEqual(old.Id, successor.Id);

        // The old key never comes back, under whatever name.
        var returned = new TestNode(app.Http, app.Clock, "n3") { SigningKey = old.SigningKey };
        Assert.Equal(HttpStatusCode.Conflict, await EnrolAsync(app, returned.Request(await app.JoinCodeAsync(fleet))));
    }

    [Fact]
    public async Task A_request_that_is_not_well_formed_does_not_cost_the_code()
    {
        await using var app = await NodesApp.StartAsync(database);
        var code = await app.JoinCodeAsync((await app.Rows.FleetAsync()).Name);
        var node = new TestNode(app.Http, app.Clock, "n1");
        var good = node.Request(code);
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        EnrolRequest[] bad =
        [
            good with { Name = "" }, good with { Name = "N1" }, good with { Name = "-n" }, good with { Name = "n1\n" },
            good with { Name = new string('n', 64) }, good with { Name = Guid.NewGuid().ToString() },
            good with { SigningKey = [] }, good with { SigningKey = [1, 2, 3] },
            good with { SigningKey = p384.ExportSubjectPublicKeyInfo() },
            good with { SealingKey = [.. good.SealingKey, 0] }, good with { SealingKey = good.SigningKey },
            good with { HttpEndpoint = "192.0.2.7" }, good with { HttpEndpoint = "example.com:80" },
            good with { HttpEndpoint = "" }, good with { AgentVersion = "" },
        ];
        foreach (var request in bad)
        {
            Assert.Equal(HttpStatusCode.BadRequest, await EnrolAsync(app, request));
        }

        await node.EnrolAsync(code);
    }

    [Fact]
    public async Task A_drained_node_is_taken_back_once_it_has_shown_all_there_is()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("drained", (await app.Rows.FleetAsync()).Name);
        await node.ReportAsync(synced: true);
        Assert.Equal("serving", await PostAsync("undrain"));

        Assert.Equal("draining", await PostAsync("drain"));
        await node.ReportAsync(synced: true);
        Assert.Equal("draining", await PostAsync("drain"));
        Assert.Equal("joining", await PostAsync("undrain"));
        Assert.Equal("joining", await PostAsync("undrain"));

        Assert.Equal(nameof(NodeStanding.Serving), (await node.ReportAsync(synced: true)).Standing);
        using var events = await app.AdminAsync(HttpMethod.Get, $"/v1/nodes/{node.Id}/events");
        Assert.Equal(
            ["node.enrolled", "node.serving", "node.draining", "node.undrained", "node.serving"],
            (await events.Content.ReadFromJsonAsync<JsonNode>())!["items"]!.AsArray().Select(row => $"{row!["type"]}"));
        await PostAsync("retire");
        using var gone = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/undrain");
        Assert.Equal(HttpStatusCode.Conflict, gone.StatusCode);

        async Task<string> PostAsync(string route)
        {
            using var answer = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/{route}");
            return (await answer.Content.ReadFromJsonAsync<JsonNode>())!["standing"]!.ToString();
        }
    }

    [Fact]
    public async Task The_default_fleet_is_there_and_nodes_are_listed_with_their_standing()
    {
        await using var app = await NodesApp.StartAsync(database, "Fleet:Name=first");
        await using var replica = await NodesApp.StartAsync(database, "Fleet:Name=first");
        var node = await app.EnrolAsync("listed");
        using var one = await app.AdminAsync(HttpMethod.Get, $"/v1/nodes/{node.Id}");
        using var all = await app.AdminAsync(HttpMethod.Get, "/v1/nodes?limit=200");
        using var none = await app.AdminAsync(HttpMethod.Get, $"/v1/nodes/{Guid.NewGuid()}");
        using var stranger = await app.Http.GetAsync("/v1/nodes");

        Assert.Contains("\"standing\":\"joining\"", await one.Content.ReadAsStringAsync());
        Assert.Contains("\"fleet\":\"first\"", await all.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
    }

    private static async Task<HttpStatusCode> EnrolAsync(NodesApp app, EnrolRequest request)
    {
        using var answer = await app.Http.PostAsJsonAsync(Routes.Enrol, request, ContractsJson.Default.EnrolRequest);
        return answer.StatusCode;
    }
}
