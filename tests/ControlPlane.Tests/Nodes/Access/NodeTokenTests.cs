using System.Net;
using System.Text;
using ControlPlane.Contracts;

namespace ControlPlane.Tests.Nodes.Access;

public sealed class NodeTokenTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const string Target = Routes.DesiredState + "?wait=0";

    [Fact]
    public async Task A_token_opens_the_one_request_it_was_made_for()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = (await app.Rows.FleetAsync()).Name;
        var node = await app.EnrolAsync("n1", fleet);
        var other = await app.EnrolAsync("n2", fleet);
        var good = node.Claims("GET", Target, []);
        (string Why, string Token)[] refused =
        [
            ("another method", node.Sign(good with { Method = "PUT" })),
            ("another path", node.Sign(good with { Target = Routes.ObservedState })),
            ("another query", node.Sign(good with { Target = Routes.DesiredState + "?wait=00" })),
            ("another body", node.Sign(good with { Body = [1] })),
            ("another audience", node.Sign(good with { Audience = "elsewhere" })),
            ("two audiences", node.Sign(good with { Audience = new[] { NodeToken.Audience, "elsewhere" } })),
            ("another type", node.Sign(good with { Type = "JWT" })),
            ("expired", node.Sign(good with { Issued = good.Issued - 200, Expires = good.Expires - 200 })),
            ("not valid yet", node.Sign(good with { Issued = good.Issued + 200, Expires = good.Expires + 200 })),
            ("too long a life", node.Sign(good with { Expires = good.Expires + 1 })),
            ("no life", node.Sign(good with { Expires = good.Issued })),
            ("another node's key", node.Sign(good, other.SigningKey)),
            ("no signature", node.Sign(good with { Algorithm = "none" })),
            ("another algorithm", node.Sign(good with { Algorithm = "HS256" })),
            ("cut", node.Sign(good)[..^4]),
            ("no token at all", "a.b.c"),
            ("an API key", "cp_admin_abc"),
        ];
        foreach (var (why, token) in refused)
        {
            using var answer = await node.SendAsync("GET", Target, null, token);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, why);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            Assert.True(DateTimeOffset.TryParse(answer.Headers.GetValues(NodeToken.ServerTimeHeader).Single(), out _));
        }

        using var accepted = await node.SendAsync("GET", Target, null, node.Sign(good));
        Assert.Equal(HttpStatusCode.OK, accepted.StatusCode);
    }

    [Fact]
    public async Task The_body_that_was_signed_is_the_body_that_is_read()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);
        var signed = Encoding.UTF8.GetBytes("""{"domains":[],"knownChains":[]}""");
        var token = node.Sign(node.Claims("POST", Routes.FetchBundles, signed));

        using var altered = await node.SendAsync("POST", Routes.FetchBundles, [.. signed, (byte)' '], token);
        using var accepted = await node.SendAsync("POST", Routes.FetchBundles, signed, token);
        using var huge = await node.SendAsync("POST", Routes.FetchBundles, new byte[Routes.MaxAgentBodyBytes + 1]);

        Assert.Equal(HttpStatusCode.Unauthorized, altered.StatusCode);
        Assert.Equal(HttpStatusCode.OK, accepted.StatusCode);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, huge.StatusCode);
    }

    [Fact]
    public async Task A_banned_node_is_refused_here_at_once_and_elsewhere_without_a_restart()
    {
        await using var app = await NodesApp.StartAsync(database);
        await using var replica = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);
        var token = node.Sign(node.Claims("GET", Target, []));
        using var before = await node.SendAsync("GET", Target, null, token);
        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(replica, token));

        using var ban = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/ban");
        Assert.Equal(HttpStatusCode.OK, ban.StatusCode);
        using var after = await node.SendAsync("GET", Target, null, token);
        Assert.Equal(HttpStatusCode.Unauthorized, after.StatusCode);
        await Eventually.TrueAsync(async () => await AskAsync(replica, token) == HttpStatusCode.Unauthorized);
    }

    private static async Task<HttpStatusCode> AskAsync(NodesApp app, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Target);
        request.Headers.Authorization = new("Bearer", token);
        using var answer = await app.Http.SendAsync(request);
        return answer.StatusCode;
    }
}
