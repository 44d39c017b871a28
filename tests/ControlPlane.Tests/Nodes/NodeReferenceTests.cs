using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Tests.Nodes;

/// <summary>Who is called at night has a node's name at hand, not its id.</summary>
public sealed class NodeReferenceTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Theory]
    [InlineData("GET", "")]
    [InlineData("GET", "/exposure")]
    [InlineData("GET", "/rekey")]
    [InlineData("GET", "/events")]
    [InlineData("POST", "/drain")]
    [InlineData("POST", "/undrain")]
    [InlineData("POST", "/retire")]
    [InlineData("POST", "/ban")]
    public async Task A_node_is_named_by_its_id_or_by_a_name_that_no_other_ever_had(string method, string route)
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = (await app.Rows.FleetAsync()).Name;
        var name = $"n-{Guid.NewGuid():N}";
        var first = await app.EnrolAsync(name, fleet);

        Assert.Equal(HttpStatusCode.OK, (await AskAsync(app, method, first.Id + route)).Status);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(app, method, name + route)).Status);
        Assert.Equal($"{first.Id}", $"{(await AskAsync(app, "GET", name)).Body["id"]}");

        using (await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{first.Id}/ban"))
        {
        }

        var second = await app.EnrolAsync(name, fleet);
        var (status, body) = await AskAsync(app, method, name + route);
        Assert.Equal((HttpStatusCode.Conflict, "node-ambiguous"), (status, $"{body["reason"]}"));
        Assert.Contains($"{first.Id} (fleet {fleet}, banned, ", $"{body["detail"]}");
        Assert.Contains($"{second.Id} (fleet {fleet}, joining, ", $"{body["detail"]}");
        Assert.Equal("joining", $"{(await AskAsync(app, "GET", $"{second.Id}")).Body["standing"]}");
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(app, method, second.Id + route)).Status);
    }

    [Theory]
    [InlineData("node-9", "There is no node node-9.")]
    [InlineData("0197f3a2-5b1c-7d3e-9f40-2a6b8c9d0e1f", "There is no node 0197f3a2-5b1c-7d3e-9f40-2a6b8c9d0e1f.")]
    [InlineData("N%201", "There is no such node.")]
    public async Task Where_there_is_none_the_answer_says_where_they_are_listed(string reference, string detail)
    {
        await using var app = await NodesApp.StartAsync(database);
        foreach (var (method, route) in new[] { ("GET", ""), ("GET", "/exposure"), ("POST", "/ban") })
        {
            var (status, body) = await AskAsync(app, method, reference + route);
            Assert.Equal((HttpStatusCode.NotFound, detail), (status, $"{body["detail"]}"));
            Assert.Contains("GET /v1/nodes ", $"{body["fix"]![0]}");
        }
    }

    private static async Task<(HttpStatusCode Status, JsonNode Body)> AskAsync(
        NodesApp app, string method, string which)
    {
        using var answer = await app.AdminAsync(new HttpMethod(method), $"/v1/nodes/{which}");
        return (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonNode>())!);
    }
}
