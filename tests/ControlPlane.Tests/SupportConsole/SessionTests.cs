using System.Net;
using System.Net.Http.Headers;
using ControlPlane.Http.Access;
using ControlPlane.SupportConsole.Sessions;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.SupportConsole;

/// <summary>Who gets into the console, for how long, and what a stolen session or another site can do.</summary>
public sealed class SessionTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task Keys_of_support_and_admin_open_it_and_no_other()
    {
        foreach (var role in new[] { ApiRole.Support, ApiRole.Admin })
        {
            using var visitor = await ConsoleVisitor.SignedInAsync(api, role);
            Assert.Contains("Sign out", await visitor.ReadAsync("/console"), StringComparison.Ordinal);
        }

        using var stranger = ConsoleVisitor.At(api);
        var (_, portal) = await api.AddKeyAsync(ApiRole.Portal, "acme");
        foreach (var (key, status, says) in new[]
        {
            (portal, HttpStatusCode.Forbidden, "That is a portal&#x27;s key."),
            ("cp_support_" + new string('A', 43), HttpStatusCode.Unauthorized, "That is no valid key."),
            ("", HttpStatusCode.Unauthorized, "That is no valid key."),
        })
        {
            using var answer = await stranger.SignInAsync(key);
            Assert.Equal(status, answer.StatusCode);
            Assert.Contains(says, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Assert.Null(stranger.Session);
        }
    }

    [Fact]
    public async Task The_cookie_is_for_the_console_alone_and_no_script_and_no_other_site_gets_it()
    {
        using var visitor = ConsoleVisitor.At(api);
        var (_, secret) = await api.AddKeyAsync(ApiRole.Support, null);
        using var answer = await visitor.SignInAsync(secret);

        var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"));
        Assert.Matches("^console_session=[A-Za-z0-9_-]{43}; path=/console; samesite=strict; httponly$", cookie);
        Assert.DoesNotContain(visitor.Session!.Value, await DumpAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_opens_the_console_on_every_replica_and_nothing_of_the_API()
    {
        using var visitor = await ConsoleVisitor.SignedInAsync(api, ApiRole.Admin);
        await using var other = api.Start();
        using var http = other.CreateClient();
        using var there = visitor.MovedTo(http.BaseAddress!);
        await there.ReadAsync("/console");

        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/domains");
        request.Headers.Add("Cookie", $"{visitor.Session!.Name}={visitor.Session.Value}");
        using var refused = await api.Anonymous.SendAsync(request);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);

        // Nor does a key in a header open a page: a page is not to be reached by what a browser does not hold.
        using var withKey = new HttpRequestMessage(HttpMethod.Get, "/console");
        withKey.Headers.Authorization = AuthenticationHeaderValue.Parse(
            $"{api.Admin.DefaultRequestHeaders.Authorization}");
        using var page = await api.Anonymous.SendAsync(withKey);
        Assert.DoesNotContain("Sign out", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_ends_with_its_key_at_once()
    {
        foreach (var end in new Func<Guid, Task>[] { RevokeAsync, ExpireAsync })
        {
            using var visitor = ConsoleVisitor.At(api);
            var (id, secret) = await api.AddKeyAsync(ApiRole.Support, null);
            using var signedIn = await visitor.SignInAsync(secret);
            await visitor.ReadAsync("/console");

            await end(id);

            await IsOutAsync(visitor);
        }
    }

    [Fact]
    public async Task A_session_ends_after_an_hour_without_a_person_and_after_twelve_hours_with_one()
    {
        using var idle = await ConsoleVisitor.SignedInAsync(api);
        for (var minutes = 0; minutes < 60; minutes += 20)
        {
            api.Clock.Advance(TimeSpan.FromMinutes(20));
            // What a page left open asks for by itself keeps nobody signed in.
            using var live = await idle.GetAsync("/console", ("X-Console-Live", "1"));
            Assert.Equal(minutes < 40 ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, live.StatusCode);
        }

        await IsOutAsync(idle);

        using var busy = await ConsoleVisitor.SignedInAsync(api);
        for (var hours = 0.0; hours < 11.5; hours += 0.5)
        {
            await busy.ReadAsync("/console/fleets");
            api.Clock.Advance(TimeSpan.FromMinutes(30));
        }

        await busy.ReadAsync("/console");
        api.Clock.Advance(TimeSpan.FromMinutes(30));
        await IsOutAsync(busy);
    }

    [Fact]
    public async Task Signing_out_ends_the_session_wherever_its_cookie_is()
    {
        using var visitor = await ConsoleVisitor.SignedInAsync(api);
        using var thief = visitor.MovedTo(api.Anonymous.BaseAddress!);
        await thief.ReadAsync("/console");

        using var answer = await visitor.PostAsync("/console/sign-out");

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        await IsOutAsync(thief);
    }

    [Fact]
    public async Task A_form_of_another_site_does_nothing()
    {
        using var visitor = await ConsoleVisitor.SignedInAsync(api);
        var id = await api.RegisterAsync("not-checked.example.com");
        await using (var db = api.Open())
        {
            await db.Orders.Where(row => row.DomainId == id).ExecuteUpdateAsync(
                set => set.SetProperty(row => row.NextAttemptAt, api.Clock.GetUtcNow().AddHours(1)));
        }

        foreach (var headers in new (string, string)[][]
        {
            [("Sec-Fetch-Site", "cross-site")],
            // Another port or name of ours is another origin: a customer's page may be there.
            [("Sec-Fetch-Site", "same-site"), ("Origin", visitor.Origin)],
            [("Sec-Fetch-Site", "none"), ("Origin", visitor.Origin)],
            [("Origin", "https://evil.example")],
            [("Origin", "null")],
            [],
        })
        {
            using var answer = await visitor.PostAsync($"/console/domains/{id}/check", null, headers);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            using var signIn = await visitor.PostAsync("/console/sign-in", null, headers);
            Assert.Equal(HttpStatusCode.Forbidden, signIn.StatusCode);
            using var signOut = await visitor.PostAsync("/console/sign-out", null, headers);
            Assert.Equal(HttpStatusCode.Forbidden, signOut.StatusCode);
        }

        await using var after = api.Open();
        Assert.True((await after.Orders.SingleAsync(row => row.DomainId == id)).NextAttemptAt > api.Clock.GetUtcNow());
        await visitor.ReadAsync("/console");
    }

    [Theory]
    [InlineData("/console/domains?status=failed", "/console/domains?status=failed")]
    [InlineData("https://evil.example/", "/console")]
    [InlineData("//evil.example", "/console")]
    [InlineData("/console//evil.example", "/console//evil.example")]
    [InlineData("/console\\..\\..", "/console")]
    [InlineData("/consoles", "/console")]
    [InlineData("/console/\r\nSet-Cookie: a=b", "/console")]
    public async Task After_signing_in_one_is_where_one_wanted_to_go_and_always_here(string wanted, string goes)
    {
        using var visitor = ConsoleVisitor.At(api);
        var (_, secret) = await api.AddKeyAsync(ApiRole.Support, null);

        using var answer = await visitor.SignInAsync(secret, wanted);

        Assert.Equal(goes, answer.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task What_only_admins_may_read_is_closed_to_support_and_leaves_a_trail()
    {
        using var support = await ConsoleVisitor.SignedInAsync(api);
        using var refused = await support.GetAsync("/console/audit");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);

        using var admin = await ConsoleVisitor.SignedInAsync(api, ApiRole.Admin);
        await admin.ReadAsync("/console/audit");
        await Eventually.TrueAsync(async () => (await admin.ReadAsync("/console/audit?operation=ConsoleAudit"))
            .Contains("answered", StringComparison.Ordinal));
        var signIns = await admin.ReadAsync("/console/audit?operation=ConsoleSignIn");
        Assert.Contains("signed in", signIns, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_key_has_so_many_sessions_and_the_oldest_makes_room()
    {
        var (_, secret) = await api.AddKeyAsync(ApiRole.Support, null);
        using var first = ConsoleVisitor.At(api);
        using var answer = await first.SignInAsync(secret);
        for (var more = 0; more < SessionStore.MostOfAKey; more++)
        {
            await first.ReadAsync("/console/webhooks");
            api.Clock.Advance(TimeSpan.FromSeconds(1));
            using var other = ConsoleVisitor.At(api);
            using var signedIn = await other.SignInAsync(secret);
        }

        await IsOutAsync(first);
    }

    private static async Task IsOutAsync(ConsoleVisitor visitor)
    {
        using var answer = await visitor.GetAsync("/console/domains?status=failed");
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal(
            "/console/sign-in?return=%2Fconsole%2Fdomains%3Fstatus%3Dfailed", answer.Headers.Location?.OriginalString);
    }

    private async Task RevokeAsync(Guid key)
    {
        await using var db = api.Open();
        await db.ApiKeys.Where(row => row.Id == key).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.RevokedAt, api.Clock.GetUtcNow().ToUniversalTime()));
    }

    private async Task ExpireAsync(Guid key)
    {
        await using var db = api.Open();
        await db.ApiKeys.Where(row => row.Id == key).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.ExpiresAt, api.Clock.GetUtcNow().ToUniversalTime()));
    }

    /// <summary>Every session and every entry of the trail, as text.</summary>
    private async Task<string> DumpAsync()
    {
        await using var db = api.Open();
        return string.Join('\n', await db.Database.SqlQuery<string>(
            $"""
             SELECT encode(id_hash, 'escape') || one::text AS "Value" FROM console_sessions one
             UNION ALL SELECT entry::text FROM audit_entries entry
             """).ToListAsync());
    }
}
