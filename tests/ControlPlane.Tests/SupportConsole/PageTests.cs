using System.Net;
using System.Text.RegularExpressions;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Visits;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.SupportConsole;

/// <summary>What the console's pages say, without a browser.</summary>
public sealed class PageTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    private const string Markup = ConsoleScene.Markup;

    [Theory]
    [InlineData("/console")]
    [InlineData("/console/domains")]
    [InlineData("/console/domains?status=pending&waitingOn=customer&reason=dns-not-there&fleet=&tenant=acme&q=x")]
    [InlineData("/console/fleets")]
    [InlineData("/console/fleets/local")]
    [InlineData("/console/expiry")]
    [InlineData("/console/expiry?from=2026-01-01")]
    [InlineData("/console/expiry/2026-12-24")]
    [InlineData("/console/time-to-active?hours=720")]
    [InlineData("/console/campaigns")]
    [InlineData("/console/webhooks")]
    [InlineData("/console/audit")]
    public async Task Every_page_is_there_closed_to_frames_and_inline_code_and_says_how_long_it_took(string path)
    {
        using var visitor = await ConsoleVisitor.SignedInAsync(api, ApiRole.Admin);
        using var answer = await visitor.GetAsync(path.Replace("local", await FleetAsync(), StringComparison.Ordinal));

        var html = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, html);
        Assert.StartsWith("<!DOCTYPE html>", html, StringComparison.Ordinal);
        Assert.Contains("<html lang=\"en\">", html, StringComparison.Ordinal);
        Assert.Single(html.Split("<h1").Skip(1));
        Assert.Equal(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            answer.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Equal("DENY", answer.Headers.GetValues("X-Frame-Options").Single());
        Assert.True(answer.Headers.CacheControl?.NoStore);
        Assert.DoesNotContain(" style=\"", html, StringComparison.Ordinal);
        Assert.DoesNotMatch("<script(?![^>]* src=)", html);
        Assert.DoesNotMatch("<[^>]* on[a-z]+=", html);
        Assert.StartsWith("page;dur=", answer.Headers.GetValues("Server-Timing").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_domains_page_says_who_must_do_what_with_the_records_to_copy_and_when_it_is_looked_at_again()
    {
        var id = await WaitingAsync("waits.example.com", Reasons.DnsNotThere, "waits.example.com does not resolve.");
        using var visitor = await ConsoleVisitor.SignedInAsync(api);

        var page = await visitor.ReadAsync($"/console/domains/{id}");

        var answer = Part(page, "answer");
        Assert.Contains("waiting on", answer, StringComparison.Ordinal);
        Assert.Contains("the customer", answer, StringComparison.Ordinal);
        Assert.Contains(Reasons.DnsNotThere.Title, answer, StringComparison.Ordinal);
        Assert.Contains("waits.example.com does not resolve.", answer, StringComparison.Ordinal);
        Assert.Contains("Looked at next", answer, StringComparison.Ordinal);
        Assert.Contains("in 10 min", answer, StringComparison.Ordinal);
        Assert.Contains("Check now", answer, StringComparison.Ordinal);
        Assert.Contains("edge.controlplane.example", Part(page, "records"), StringComparison.Ordinal);
        Assert.True(page.IndexOf("id=\"answer\"", StringComparison.Ordinal)
            < page.IndexOf("id=\"timeline\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_now_looks_now_as_the_API_does_and_leaves_the_same_trail()
    {
        var id = await WaitingAsync("checked.example.com", Reasons.DnsNotThere, "Not there.");
        using var visitor = await ConsoleVisitor.SignedInAsync(api);

        using var answer = await visitor.PostAsync($"/console/domains/{id}/check");

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal($"/console/domains/{id}?checked=1", answer.Headers.Location?.OriginalString);
        Assert.Contains(OrderState.PendingDns, api.Wakes);
        await using var db = api.Open();
        Assert.True((await db.Orders.SingleAsync(row => row.DomainId == id)).NextAttemptAt <= api.Clock.GetUtcNow());
        // What was answered is written once it is.
        await Eventually.TrueAsync(async () => await db.Database.SqlQuery<string>(
            $"""
             SELECT string_agg(phase || ' ' || role, ', ' ORDER BY id) AS "Value" FROM audit_entries
             WHERE operation = 'ConsoleCheckDomain' AND starts_with(target, {$"/console/domains/{id}"})
             """).SingleAsync() == "asked support, answered support");
    }

    [Fact]
    public async Task Words_of_strangers_stay_words()
    {
        var id = await WaitingAsync("hostile.example.com", Reasons.CaRefused, $"The CA says: {Markup}");
        var node = await api.EnrolAsync("hostile");
        await using (var db = api.Open())
        {
            var order = await db.Orders.SingleAsync(row => row.DomainId == id);
            db.Add(new TokenVisitRow
            {
                OrderId = order.Id,
                NodeId = node.Id,
                At = api.Clock.GetUtcNow().ToUniversalTime(),
                Source = "192.0.2.7",
                UserAgent = Markup,
                Status = 200,
                Bytes = 1,
            });
            db.Add(new DomainEvent
            {
                At = api.Clock.GetUtcNow().ToUniversalTime(),
                DomainId = id,
                Type = "order.failed",
                Message = Markup,
            });
            await db.SaveChangesAsync();
        }

        using var visitor = await ConsoleVisitor.SignedInAsync(api);
        foreach (var path in new[]
        {
            $"/console/domains/{id}", "/console", $"/console/domains?q={Uri.EscapeDataString(Markup)}",
            $"/console/domains?tenant={Uri.EscapeDataString(Markup)}", $"/console/{Uri.EscapeDataString(Markup)}",
            $"/console/fleets/{Uri.EscapeDataString(Markup)}", $"/console/expiry/{Uri.EscapeDataString(Markup)}",
            $"/console/sign-in?return={Uri.EscapeDataString("/console/" + Markup)}",
        })
        {
            using var answer = await visitor.GetAsync(path);
            var html = await answer.Content.ReadAsStringAsync();
            Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
            Assert.DoesNotContain("<script>", html, StringComparison.Ordinal);
            Assert.DoesNotContain("onerror=\"", html, StringComparison.Ordinal);
        }

        var page = await visitor.ReadAsync($"/console/domains/{id}");
        Assert.Equal(3, page.Split("&lt;img src=x onerror=&quot;window.taken=1&quot;&gt;").Length - 1);
    }

    [Fact]
    public async Task A_page_that_did_not_change_is_not_sent_again_though_time_goes_on()
    {
        var id = await WaitingAsync("live.example.com", Reasons.DnsNotThere, "Not there.");
        using var visitor = await ConsoleVisitor.SignedInAsync(api);
        using var first = await visitor.GetAsync("/console/domains?q=live");
        var tag = first.Headers.ETag!.ToString();
        api.Clock.Advance(TimeSpan.FromSeconds(20));

        using var same = await visitor.GetAsync(
            "/console/domains?q=live", ("If-None-Match", tag), ("X-Console-Live", "1"));
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);

        await using (var db = api.Open())
        {
            var order = await db.Orders.SingleAsync(row => row.DomainId == id);
            order.WaitFor(Reasons.DnsElsewhere, "Elsewhere.", api.Clock.GetUtcNow());
            await db.SaveChangesAsync();
        }

        using var other = await visitor.GetAsync(
            "/console/domains?q=live", ("If-None-Match", tag), ("X-Console-Live", "1"));
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Fact]
    public async Task The_search_goes_on_where_its_page_ended_and_finds_an_id_at_once()
    {
        for (var i = 0; i < 52; i++)
        {
            await api.RegisterAsync($"many-{i:00}.example.com");
        }

        using var visitor = await ConsoleVisitor.SignedInAsync(api);
        var first = await visitor.ReadAsync("/console/domains?q=many-");
        var next = WebUtility.HtmlDecode(Regex.Match(first, "href=\"([^\"]+)\" rel=\"next\"").Groups[1].Value);
        var second = await visitor.ReadAsync(next);

        Assert.Equal(50, first.Split(".example.com</a>").Length - 1);
        Assert.Equal(2, second.Split(".example.com</a>").Length - 1);

        var id = await api.RegisterAsync("by-id.example.com");
        using var found = await visitor.GetAsync($"/console/domains?q={id}");
        Assert.Equal($"/console/domains/{id}", found.Headers.Location?.OriginalString);
    }

    [Theory]
    [InlineData("/console/nowhere", HttpStatusCode.NotFound)]
    [InlineData("/console/domains/019cadc6-0a28-7c44-b1d2-6f7a8b9c0d1e", HttpStatusCode.NotFound)]
    [InlineData("/console/fleets/nowhere", HttpStatusCode.NotFound)]
    [InlineData("/console/domains?status=lost", HttpStatusCode.BadRequest)]
    [InlineData("/console/domains?cursor=none", HttpStatusCode.BadRequest)]
    [InlineData("/console/expiry/0001-01-01", HttpStatusCode.NotFound)]
    [InlineData("/console/expiry?from=9999-12-31", HttpStatusCode.OK)]
    [InlineData("/console/domains?q=%00", HttpStatusCode.BadRequest)]
    public async Task What_is_not_there_or_not_understood_is_told_on_a_page(string path, HttpStatusCode status)
    {
        using var visitor = await ConsoleVisitor.SignedInAsync(api);
        using var answer = await visitor.GetAsync(path);

        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("<h1", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_files_are_kept_for_ever_under_addresses_of_their_own()
    {
        var page = await api.Anonymous.GetStringAsync("/console/sign-in");
        foreach (var (begins, type) in new[]
        {
            ("<link rel=\"stylesheet\" href=\"", "text/css"), ("<script src=\"", "text/javascript"),
            ("<link rel=\"icon\" href=\"", "image/svg+xml"),
        })
        {
            using var answer = await api.Anonymous.GetAsync(Between(page, begins, "\""));
            Assert.Equal(type, answer.Content.Headers.ContentType?.MediaType);
            Assert.Contains("immutable", answer.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        }
    }

    [Fact]
    public async Task A_link_of_another_site_leads_in_though_the_browser_keeps_the_cookie_back_at_first()
    {
        using var visitor = ConsoleVisitor.At(api);
        using var answer = await visitor.GetAsync("/console/fleets?a=1&b=2", ("Sec-Fetch-Site", "cross-site"));

        var html = await answer.Content.ReadAsStringAsync();
        Assert.Contains("content=\"0; url=/console/fleets?a=1&amp;b=2\"", html, StringComparison.Ordinal);
        using var again = await visitor.GetAsync("/console/fleets?a=1&b=2", ("Sec-Fetch-Site", "same-origin"));
        Assert.Equal(HttpStatusCode.Found, again.StatusCode);
    }

    private static string Part(string page, string id) => Between(page, $"<section id=\"{id}\"", "</section>");

    private static string Between(string text, string begins, string ends)
    {
        var from = text.IndexOf(begins, StringComparison.Ordinal) + begins.Length;
        Assert.True(from >= begins.Length, $"{begins} is not in {text}");
        return text[from..text.IndexOf(ends, from, StringComparison.Ordinal)];
    }

    private async Task<string> FleetAsync()
    {
        await using var db = api.Open();
        return await db.Fleets.Select(row => row.Name).FirstAsync();
    }

    private async Task<Guid> WaitingAsync(string hostname, Reason reason, string detail)
    {
        var id = await api.RegisterAsync(hostname);
        await using var db = api.Open();
        var order = await db.Orders.SingleAsync(row => row.DomainId == id);
        order.WaitFor(reason, detail, api.Clock.NowStored());
        order.NextAttemptAt = api.Clock.NowStored().AddMinutes(10);
        await db.SaveChangesAsync();
        return id;
    }
}
