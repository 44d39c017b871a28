using System.Net;
using System.Text;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Domains.Settings;

/// <summary>ETag, If-Match and If-None-Match: RFC 9110 §13.</summary>
public sealed class ConditionTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    /// <summary>Fails when a portal is refused, or reads everything anew, because of our own clock.</summary>
    [Fact]
    public async Task A_tag_lasts_while_nothing_happens_and_changes_with_whatever_is_shown()
    {
        var id = await api.RegisterAsync("tag.example.com");
        var first = await TagAsync(id);
        api.Clock.Advance(TimeSpan.FromSeconds(5));
        await SqlAsync($"UPDATE orders SET next_attempt_at = now() + interval '1 hour' WHERE domain_id = {id}");
        Assert.Equal(first, await TagAsync(id));

        var seen = new HashSet<string> { first };
        await SqlAsync($"UPDATE orders SET reason = 'dns-not-there', reason_detail = 'x' WHERE domain_id = {id}");
        Assert.True(seen.Add(await TagAsync(id)));
        await SqlAsync($"UPDATE orders SET reason_detail = 'y' WHERE domain_id = {id}");
        Assert.True(seen.Add(await TagAsync(id)));
        Assert.Equal(HttpStatusCode.OK, (await PatchAsync(id, "a")).StatusCode);
        Assert.True(seen.Add(await TagAsync(id)));
        await api.Acme.DeleteAsync($"/v1/domains/{id}");
        Assert.True(seen.Add(await TagAsync(id)));
    }

    [Fact]
    public async Task Who_knows_the_present_tag_is_not_sent_the_rest()
    {
        var id = await api.RegisterAsync("known.example.com");
        var tag = await TagAsync(id);
        foreach (var known in new[] { tag, $"W/{tag}", $"\"other\", {tag}", "*" })
        {
            var answer = await SendAsync(HttpMethod.Get, id, ("If-None-Match", known));
            Assert.Equal((known, HttpStatusCode.NotModified), (known, answer.StatusCode));
            Assert.Equal(tag, answer.Headers.ETag!.ToString());
            Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
        }

        Assert.Equal(
            HttpStatusCode.OK, (await SendAsync(HttpMethod.Get, id, ("If-None-Match", "\"other\""))).StatusCode);
        await ProblemAsync(
            await SendAsync(HttpMethod.Get, id, ("If-Match", "\"other\""), ("If-None-Match", tag)), 412,
            "precondition-failed");
    }

    [Fact]
    public async Task A_change_goes_on_under_a_present_tag_and_is_told_the_present_one_under_any_other()
    {
        var id = await api.RegisterAsync("match.example.com");
        var value = 0;
        foreach (var form in new[] { "{0}", "\"other\", {0}", "{0} , W/\"other\"", "*" })
        {
            var tag = await TagAsync(id);
            var answer = await PatchAsync(id, $"{++value}", ("If-Match", form.Replace("{0}", tag)));
            Assert.Equal((form, HttpStatusCode.OK), (form, answer.StatusCode));
            Assert.Equal(await TagAsync(id), answer.Headers.ETag!.ToString());
        }

        var present = await TagAsync(id);
        foreach (var (header, refused) in new[]
        {
            ("If-Match", "\"other\""), ("If-Match", $"W/{present}"), ("If-Match", "\"\""), ("If-None-Match", "*"),
            ("If-None-Match", present), ("If-None-Match", $"W/{present}"),
        })
        {
            var answer = await PatchAsync(id, "refused", (header, refused));
            await ProblemAsync(answer, 412, "precondition-failed");
            Assert.Equal((refused, present), (refused, answer.Headers.ETag!.ToString()));
        }

        foreach (var broken in new[] { present.Trim('"'), "", "\"a", "\"a\" \"b\"" })
        {
            await ProblemAsync(await PatchAsync(id, "refused", ("If-Match", broken)), 400, "malformed-request");
        }

        Assert.Equal(present, await TagAsync(id));
        await ProblemAsync(
            await SendAsync(HttpMethod.Delete, Guid.Empty, ("If-Match", "*")), 404, "not-found");
    }

    [Fact]
    public async Task A_deletion_and_a_check_under_an_old_tag_do_nothing()
    {
        var id = await api.RegisterAsync("stale.example.com");
        var old = await TagAsync(id);
        await PatchAsync(id, "later");
        var due = await DueAsync(id);
        api.Clock.Advance(TimeSpan.FromSeconds(-1));

        await ProblemAsync(await SendAsync(HttpMethod.Delete, id, ("If-Match", old)), 412, "precondition-failed");
        await ProblemAsync(
            await SendAsync(HttpMethod.Post, id, "/check", ("If-Match", old)), 412, "precondition-failed");
        Assert.Equal(due, await DueAsync(id));
        Assert.Equal("pending", (await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}")))["status"]!.ToString());

        var present = await TagAsync(id);
        Assert.Equal(
            HttpStatusCode.Accepted,
            (await SendAsync(HttpMethod.Post, id, "/check", ("If-Match", present))).StatusCode);
        Assert.Equal(
            HttpStatusCode.Accepted, (await SendAsync(HttpMethod.Delete, id, ("If-Match", present))).StatusCode);
    }

    /// <summary>Fails when the tag is compared before the row is locked.</summary>
    [Fact]
    public async Task Of_many_changes_at_once_under_one_tag_one_wins()
    {
        foreach (var round in Enumerable.Range(1, 5))
        {
            var id = await api.RegisterAsync($"many{round}.example.com");
            var tag = await TagAsync(id);

            var answers = await Task.WhenAll(Enumerable.Range(1, 12).Select(async n =>
                (Value: $"{n}", Answer: await PatchAsync(id, $"{n}", ("If-Match", tag)))));

            var winner = Assert.Single(answers, one => one.Answer.StatusCode == HttpStatusCode.OK);
            var shown = await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}"));
            Assert.Equal(winner.Value, shown["metadata"]!["n"]!.ToString());
            foreach (var loser in answers.Where(one => one.Value != winner.Value))
            {
                await ProblemAsync(loser.Answer, 412, "precondition-failed");
            }
        }
    }

    private async Task<string> TagAsync(Guid id) =>
        (await api.Acme.GetAsync($"/v1/domains/{id}")).Headers.ETag!.ToString();

    private async Task<DateTimeOffset?> DueAsync(Guid id)
    {
        await using var db = api.Open();
        return (await db.Orders.SingleAsync(order => order.DomainId == id)).NextAttemptAt;
    }

    private async Task SqlAsync(FormattableString sql)
    {
        await using var db = api.Open();
        Assert.NotEqual(0, await db.Database.ExecuteSqlAsync(sql));
    }

    private Task<HttpResponseMessage> PatchAsync(Guid id, string value, params (string, string)[] headers) => SendAsync(
        HttpMethod.Patch, id, "", $$$"""{"metadata":{"n":"{{{value}}}"}}""", headers);

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, Guid id, params (string, string)[] headers) =>
        SendAsync(method, id, "", null, headers);

    private Task<HttpResponseMessage> SendAsync(
        HttpMethod method, Guid id, string below, params (string, string)[] headers) =>
        SendAsync(method, id, below, null, headers);

    private Task<HttpResponseMessage> SendAsync(
        HttpMethod method, Guid id, string below, string? body, (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, $"/v1/domains/{id}{below}");
        foreach (var (name, value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        return api.Acme.SendAsync(request);
    }
}
