using System.Net;
using System.Net.Http.Json;
using ControlPlane.Domains;
using ControlPlane.Http.Access;
using ControlPlane.Tests.Http;
using ControlPlane.Webhooks;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Webhooks;

/// <summary>Webhooks over the API. That they belong to their tenant alone is in RouteMatrixTests, as for all that is
/// one's own.</summary>
public sealed class WebhookRouteTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    private const string Url = "https://hooks.example.com/domains";

    [Fact]
    public async Task A_webhook_shows_its_secret_once_and_begins_with_what_happens_next()
    {
        await api.RegisterAsync("before-the-hook.example.com");
        var made = await MakeAsync(new { url = Url, eventTypes = new[] { "domain.active" }, description = "portal" });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var body = await ReadAsync(made);
        Assert.Matches("^whsec_[A-Za-z0-9+/]{43}=$", body["secret"]!.ToString());
        var id = body["webhook"]!["id"]!.ToString();
        Assert.Equal($"/v1/webhooks/{id}", made.Headers.Location!.ToString());

        var read = await api.Acme.GetStringAsync($"/v1/webhooks/{id}");
        Assert.DoesNotContain("whsec_", read, StringComparison.Ordinal);
        Assert.DoesNotContain("whsec_", await api.Acme.GetStringAsync("/v1/webhooks"), StringComparison.Ordinal);
        await using var db = api.Open();
        var row = await db.Webhooks.SingleAsync(one => one.Id == Guid.Parse(id));
        Assert.True(row.Enabled);
        await api.Acme.DeleteAsync($"/v1/webhooks/{id}");
        Assert.Equal(HttpStatusCode.NotFound, (await api.Acme.GetAsync($"/v1/webhooks/{id}")).StatusCode);
        Assert.Equal(0, await db.WebhookSecrets.CountAsync(secret => secret.WebhookId == row.Id));
    }

    [Fact]
    public async Task A_webhook_outlives_the_key_that_made_it_until_it_is_deleted()
    {
        var (key, secret) = await api.AddKeyAsync(ApiRole.Portal, "acme");
        var made = await ReadAsync(await api.WithKey(secret).PostAsJsonAsync("/v1/webhooks", new { url = Url }));
        var id = made["webhook"]!["id"]!.ToString();
        await using var db = api.Open();
        await db.ApiKeys.Where(row => row.Id == key).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.RevokedAt, api.Clock.GetUtcNow()));
        var left = (await ReadAsync(await api.Acme.GetAsync("/v1/webhooks?limit=200")))["items"]!.AsArray()
            .Single(hook => hook!["id"]!.ToString() == id)!;
        Assert.True((bool)left["enabled"]!);
        Assert.Equal(HttpStatusCode.NoContent, (await api.Acme.DeleteAsync($"/v1/webhooks/{id}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await api.Acme.GetAsync($"/v1/webhooks/{id}")).StatusCode);
    }

    [Fact]
    public async Task A_tenant_has_ten_at_most_and_operators_say_whose()
    {
        var ids = new List<string>();
        for (var n = 0; n < Webhook.MostOfATenant; n++)
        {
            var made = await api.Admin.PostAsJsonAsync("/v1/webhooks", new { url = Url, tenant = "globex" });
            ids.Add((await ReadAsync(made))["webhook"]!["id"]!.ToString());
        }

        await ProblemAsync(
            await api.Globex.PostAsJsonAsync("/v1/webhooks", new { url = Url }), 409, "too-many-webhooks");
        await ProblemAsync(await api.Admin.PostAsJsonAsync("/v1/webhooks", new { url = Url }), 400, "tenant-required");
        await ProblemAsync(
            await api.Admin.PostAsJsonAsync("/v1/webhooks", new { url = Url, tenant = "nobody" }), 400,
            "tenant-unknown");
        await ProblemAsync(
            await api.Globex.PostAsJsonAsync("/v1/webhooks", new { url = Url, tenant = "acme" }), 400,
            "tenant-not-allowed");
        await api.Globex.DeleteAsync($"/v1/webhooks/{ids[0]}");
        Assert.Equal(
            HttpStatusCode.Created, (await api.Globex.PostAsJsonAsync("/v1/webhooks", new { url = Url })).StatusCode);
    }

    [Theory]
    [InlineData("""{"url":"http://hooks.example.com/"}""")]
    [InlineData("""{"url":"https://10.0.0.1/"}""")]
    [InlineData("""{"url":"https://hooks.example.com/","eventTypes":["domain.nonsense"]}""")]
    [InlineData("""{"url":"https://hooks.example.com/","eventTypes":["domain.active","domain.active"]}""")]
    [InlineData("""{"url":"https://hooks.example.com/","description":"a\u0000b"}""")]
    [InlineData("""{"url":"https://hooks.example.com/","after":-1}""")]
    public async Task What_will_not_do_is_refused(string json) => await ProblemAsync(
        await api.Acme.PostAsync("/v1/webhooks", new StringContent(json, null, "application/json")), 400,
        "invalid-field");

    [Fact]
    public async Task A_secret_is_rotated_without_a_gap()
    {
        var id = await NewAsync();
        var first = (await ReadAsync(await api.Acme.GetAsync($"/v1/webhooks/{id}/secrets")))["items"]![0]!["id"]!;
        await ProblemAsync(
            await api.Acme.DeleteAsync($"/v1/webhooks/{id}/secrets/{first}"), 409, "last-webhook-secret");
        var second = await api.Acme.PostAsync($"/v1/webhooks/{id}/secrets", null);
        Assert.Equal(HttpStatusCode.Created, second.StatusCode);
        await ProblemAsync(
            await api.Acme.PostAsync($"/v1/webhooks/{id}/secrets", null), 409, "too-many-webhook-secrets");
        Assert.Equal(
            HttpStatusCode.NoContent,
            (await api.Acme.DeleteAsync($"/v1/webhooks/{id}/secrets/{first}")).StatusCode);
        var left = (await ReadAsync(await api.Acme.GetAsync($"/v1/webhooks/{id}/secrets")))["items"]!.AsArray();
        Assert.Equal($"{(await ReadAsync(second))["key"]!["id"]}", $"{Assert.Single(left)!["id"]}");
    }

    [Fact]
    public async Task What_is_dead_is_seen_and_resent_and_a_test_is_asked_for_once_at_a_time()
    {
        var id = await NewAsync();
        var domain = await api.RegisterAsync("dead-letter.example.com");
        await using (var db = api.Open())
        {
            var told = await db.Events.FirstAsync(row => row.DomainId == domain);
            var letter = new WebhookDelivery
            {
                Id = Guid.CreateVersion7(),
                WebhookId = Guid.Parse(id),
                EventId = told.Id,
                NextAttemptAt = api.Clock.GetUtcNow(),
                CreatedAt = api.Clock.GetUtcNow(),
            };
            while (letter.Status == DeliveryState.Retrying)
            {
                letter.Failed(500, "Answered 500.", api.Clock.GetUtcNow());
            }

            db.Add(letter);
            await db.SaveChangesAsync();
        }

        var dead = Assert.Single((await ReadAsync(
            await api.Acme.GetAsync($"/v1/webhooks/{id}/deliveries?status=dead")))["items"]!.AsArray())!;
        Assert.Equal(("dead", "500"), ($"{dead["status"]}", $"{dead["lastStatus"]}"));
        var resent = await api.Support.PostAsync($"/v1/webhooks/{id}/deliveries/{dead["id"]}/resend", null);
        Assert.Equal(HttpStatusCode.Accepted, resent.StatusCode);
        Assert.Equal("retrying", $"{(await ReadAsync(resent))["status"]}");
        Assert.Empty((await ReadAsync(
            await api.Acme.GetAsync($"/v1/webhooks/{id}/deliveries?status=dead")))["items"]!.AsArray());
        await ProblemAsync(
            await api.Acme.GetAsync($"/v1/webhooks/{id}/deliveries?status=1"), 400, "invalid-field");

        var tests = new List<string>();
        for (var n = 0; n < 2; n++)
        {
            var asked = await api.Acme.PostAsync($"/v1/webhooks/{id}/test", null);
            Assert.Equal(HttpStatusCode.Accepted, asked.StatusCode);
            tests.Add($"{(await ReadAsync(await api.Acme.GetAsync(asked.Headers.Location)))["id"]}");
        }

        Assert.Equal(tests[0], tests[1]);
    }

    [Fact]
    public async Task All_events_since_one_are_sent_again_and_none_is_skipped_by_that()
    {
        var id = await NewAsync();
        var cursor = (long)(await ReadAsync(await api.Acme.GetAsync($"/v1/webhooks/{id}")))["cursor"]!;
        var ahead = await ResendAsync(cursor + 100);
        Assert.Equal(cursor, (long)ahead["cursor"]!);
        Assert.Equal(0, (long)(await ResendAsync(0))["cursor"]!);
        await ProblemAsync(
            await api.Acme.PostAsJsonAsync($"/v1/webhooks/{id}/resend", new { }), 400, "invalid-field");

        async Task<System.Text.Json.Nodes.JsonNode> ResendAsync(long after)
        {
            var answer = await api.Acme.PostAsJsonAsync($"/v1/webhooks/{id}/resend", new { after });
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            return await ReadAsync(answer);
        }
    }

    [Fact]
    public async Task What_is_changed_stays_changed_and_what_is_left_out_stays()
    {
        var id = await NewAsync();
        var answer = await api.Acme.PatchAsJsonAsync(
            $"/v1/webhooks/{id}", new { enabled = false, eventTypes = new[] { "*" } });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var read = await ReadAsync(await api.Acme.GetAsync($"/v1/webhooks/{id}"));
        Assert.Equal(
            (Url, false, "owner", "*"),
            ($"{read["url"]}", (bool)read["enabled"]!, $"{read["disabledBecause"]}", $"{read["eventTypes"]![0]}"));
        await api.Acme.PatchAsJsonAsync($"/v1/webhooks/{id}", new { enabled = true });
        Assert.True((bool)(await ReadAsync(await api.Acme.GetAsync($"/v1/webhooks/{id}")))["enabled"]!);
    }

    [Fact]
    public async Task An_event_tells_programs_how_the_domain_stood()
    {
        var id = await api.RegisterAsync("told.example.com");
        var told = (await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}/events")))["items"]![0]!;
        Assert.Equal(EventTypes.DomainRegistered, $"{told["type"]}");
        Assert.Equal(
            ("told.example.com", "pending", "dns-unchecked", "none"),
            ($"{told["data"]!["hostname"]}", $"{told["data"]!["status"]}", $"{told["data"]!["reason"]}",
                $"{told["data"]!["waitingOn"]}"));
        await using var db = api.Open();
        // In the database it is plain JSON: the same words as on the wire.
        Assert.Equal("dns-unchecked", await db.Database.SqlQuery<string>(
            $"""SELECT data ->> 'reason' AS "Value" FROM events WHERE domain_id = {id}""").SingleAsync());
    }

    private Task<HttpResponseMessage> MakeAsync(object body) => api.Acme.PostAsJsonAsync("/v1/webhooks", body);

    private async Task<string> NewAsync()
    {
        await using var db = api.Open();
        await db.Webhooks.Where(row => db.Tenants.Any(tenant => tenant.Id == row.TenantId && tenant.Name == "acme"))
            .ExecuteDeleteAsync();
        return (await ReadAsync(await MakeAsync(new { url = Url })))["webhook"]!["id"]!.ToString();
    }
}
