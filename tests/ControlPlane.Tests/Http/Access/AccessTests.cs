using System.Net;
using System.Net.Http.Json;
using ControlPlane.Http.Access;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http.Access;

public sealed class AccessTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Theory]
    [InlineData("GET", "")]
    [InlineData("GET", "/events")]
    [InlineData("GET", "/certificates")]
    [InlineData("GET", "/delivery")]
    [InlineData("POST", "/check")]
    [InlineData("DELETE", "")]
    public async Task Another_tenants_domain_does_not_exist(string method, string route)
    {
        var id = await api.RegisterAsync($"t{Guid.NewGuid():N}"[..20] + ".example.com");
        var response = await api.Globex.SendAsync(
            new HttpRequestMessage(new HttpMethod(method), $"/v1/domains/{id}{route}"));
        await ProblemAsync(response, 404, "not-found");
        await ProblemAsync(
            await api.Anonymous.SendAsync(new HttpRequestMessage(new HttpMethod(method), $"/v1/domains/{id}{route}")),
            401, "not-authenticated");
    }

    [Fact]
    public async Task Support_reads_everything_and_deletes_nothing()
    {
        var id = await api.RegisterAsync("read.example.com");
        Assert.Equal(HttpStatusCode.OK, (await api.Support.GetAsync($"/v1/domains/{id}")).StatusCode);
        Assert.Equal(
            HttpStatusCode.Accepted, (await api.Support.PostAsync($"/v1/domains/{id}/check", null)).StatusCode);
        await ProblemAsync(await api.Support.DeleteAsync($"/v1/domains/{id}"), 403, "not-allowed");
        await ProblemAsync(await api.Support.GetAsync("/v1/tenants"), 403, "not-allowed");
    }

    [Fact]
    public async Task Lists_and_events_hold_the_own_tenant_only()
    {
        await api.RegisterAsync("mine.example.com", api.Globex);
        await api.RegisterAsync("theirs.example.com");
        var list = (await ReadAsync(await api.Globex.GetAsync("/v1/domains")))["items"]!.AsArray();
        Assert.Equal(["mine.example.com"], list.Select(item => item!["hostname"]!.ToString()));

        var id = list[0]!["id"]!.ToString();
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (true)
        {
            // The feed holds events back while older transactions run, anywhere on the server.
            var events = (await ReadAsync(await api.Globex.GetAsync("/v1/events", deadline.Token)))["items"]!.AsArray();
            Assert.All(events, item => Assert.Equal(id, item!["domain"]!.ToString()));
            if (events.Count > 0)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task A_key_made_by_an_admin_works_until_it_is_revoked()
    {
        var tenant = await ReadAsync(await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "initech" }));
        var made = await api.Admin.PostAsJsonAsync($"/v1/tenants/{tenant["id"]}/keys", new { name = "portal" });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var key = await ReadAsync(made);
        var secret = key["secret"]!.ToString();
        Assert.Matches("^cp_portal_[A-Za-z0-9_-]{43}$", secret);

        var client = api.WithKey(secret);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/domains")).StatusCode);
        var keys = await ReadAsync(await api.Admin.GetAsync($"/v1/tenants/{tenant["id"]}/keys"));
        Assert.NotNull(keys["items"]![0]!["lastUsedAt"]);
        Assert.DoesNotContain(secret, keys.ToJsonString(), StringComparison.Ordinal);

        var path = $"/v1/tenants/{tenant["id"]}/keys/{key["key"]!["id"]}";
        Assert.Equal(HttpStatusCode.OK, (await api.Admin.DeleteAsync(path)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await api.Admin.DeleteAsync(path)).StatusCode);
        await ProblemAsync(await client.GetAsync("/v1/domains"), 401, "not-authenticated");
    }

    [Fact]
    public async Task A_tenants_name_is_checked_and_taken_once()
    {
        var first = await ReadAsync(await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "umbrella" }));
        var again = await ProblemAsync(
            await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "umbrella" }), 409, "tenant-exists");
        Assert.Equal(first["id"]!.ToString(), again["existing"]!.ToString());
        await ProblemAsync(
            await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "Umbrella\n" }), 400, "invalid-field");
    }

    [Fact]
    public async Task The_time_of_use_is_written_once_a_minute()
    {
        await api.Acme.GetAsync("/v1/domains");
        await using var db = api.Open();
        var before = await db.ApiKeys.Where(key => key.Role == ApiRole.Support).Select(key => key.LastUsedAt)
            .SingleAsync();
        await api.Support.GetAsync("/v1/domains");
        var first = await db.ApiKeys.Where(key => key.Role == ApiRole.Support).Select(key => key.LastUsedAt)
            .SingleAsync();
        await api.Support.GetAsync("/v1/domains");
        var second = await db.ApiKeys.Where(key => key.Role == ApiRole.Support).Select(key => key.LastUsedAt)
            .SingleAsync();
        Assert.NotNull(first);
        Assert.True(before is null || before == first);
        Assert.Equal(first, second);
    }

    [Fact]
    public async Task The_secret_is_not_in_the_database_and_does_not_print_itself()
    {
        var secret = ApiKeySecret.Create(ApiRole.Admin);
        Assert.Equal("(API key)", $"{secret}");
        Assert.Equal(32, secret.Hash.Length);
        await using var db = api.Open();
        Assert.All(await db.ApiKeys.ToListAsync(), key => Assert.Equal(32, key.SecretHash.Length));
    }
}
