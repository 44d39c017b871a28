using System.Net;
using System.Net.Http.Json;
using System.Text;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Domains.Settings;

public sealed class ChangeDomainTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task What_is_left_out_stays_and_null_takes_away()
    {
        var made = await api.Acme.PostAsJsonAsync("/v1/domains", new
        {
            hostname = "sparse.example.com",
            metadata = new { plan = "gold", customer = "4711" },
            tls = new { minimumVersion = "1.3" },
        });
        var path = made.Headers.Location!.OriginalString;
        Assert.Equal("""1.3 {"customer":"4711","plan":"gold"}""", await ShownAsync(path));

        var table = new (string Patch, string Shown)[]
        {
            ("{}", """1.3 {"customer":"4711","plan":"gold"}"""),
            ("""{"tls":{}}""", """1.3 {"customer":"4711","plan":"gold"}"""),
            ("""{"metadata":{"plan":null,"note":"ü"}}""", """1.3 {"customer":"4711","note":"ü"}"""),
            ("""{"tls":{"minimumVersion":null}}""", """1.2 {"customer":"4711","note":"ü"}"""),
            ("""{"tls":{"minimumVersion":"1.3"},"metadata":{}}""", """1.3 {"customer":"4711","note":"ü"}"""),
            ("""{"tls":null,"metadata":null}""", "1.2 {}"),
        };
        foreach (var (patch, shown) in table)
        {
            var answer = await PatchAsync(path, patch, "application/merge-patch+json");
            Assert.Equal((patch, HttpStatusCode.OK), (patch, answer.StatusCode));
            Assert.Equal((patch, shown), (patch, await ShownAsync(path)));
        }
    }

    [Theory]
    [InlineData("""{"hostname":"other.example.com"}""", "unknown-field")]
    [InlineData("""{"tls":{"maximumVersion":"1.3"}}""", "unknown-field")]
    [InlineData("""{"tls":{"minimumVersion":"1.1"}}""", "invalid-field")]
    [InlineData("""{"metadata":{"a b":"x"}}""", "invalid-field")]
    [InlineData("""{"certificateAuthority":"letsencrpyt"}""", "invalid-field")]
    [InlineData("""{"metadata":{"":"x"}}""", "invalid-field")]
    [InlineData("""{"metadata":{"a":"line\nline"}}""", "invalid-field")]
    [InlineData("""{"metadata":{"a":1}}""", "malformed-json")]
    [InlineData("""{"metadata":{"a":"x","a":"y"}}""", "malformed-json")]
    [InlineData("[]", "malformed-json")]
    [InlineData("null", "malformed-json")]
    public async Task A_patch_that_is_none_changes_nothing_and_says_why(string patch, string reason)
    {
        var id = await api.RegisterAsync($"d{Guid.NewGuid():N}"[..20] + ".example.com");

        await ProblemAsync(await PatchAsync($"/v1/domains/{id}", patch), 400, reason);

        Assert.Equal("1.2 {}", await ShownAsync($"/v1/domains/{id}"));
    }

    [Fact]
    public async Task Metadata_are_bounded_in_number_and_length_however_they_come_together()
    {
        var path = $"/v1/domains/{await api.RegisterAsync("bounds.example.com")}";
        foreach (var n in Enumerable.Range(1, 16))
        {
            var name = $"{n:D2}".PadRight(40, '_');
            var answer = await PatchAsync(path, Entry(name, new string('v', 200)));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        await ProblemAsync(await PatchAsync(path, """{"metadata":{"seventeenth":""}}"""), 400, "invalid-field");
        await ProblemAsync(await PatchAsync(path, Entry("a", new string('v', 201))), 400, "invalid-field");
        await ProblemAsync(await PatchAsync(path, Entry(new string('k', 41), "")), 400, "invalid-field");
        await ProblemAsync(
            await api.Acme.PostAsJsonAsync("/v1/domains", new
            {
                hostname = "too-much.example.com",
                metadata = Enumerable.Range(1, 17).ToDictionary(n => $"k{n}", n => ""),
            }),
            400, "invalid-field");
        var oneForOne = $$$"""{"metadata":{"{{{"01".PadRight(40, '_')}}}":null,"other":""}}""";
        Assert.Equal(HttpStatusCode.OK, (await PatchAsync(path, oneForOne)).StatusCode);
    }

    private static string Entry(string name, string value) => $$$"""{"metadata":{"{{{name}}}":"{{{value}}}"}}""";

    /// <summary>Names of settings and not their values: an event is read by more than the portal.</summary>
    [Fact]
    public async Task A_change_is_told_once_by_the_names_of_what_changed()
    {
        var id = await api.RegisterAsync("told.example.com");
        const string patch = """{"metadata":{"owner":"Jane Doe"},"tls":{"minimumVersion":"1.3"}}""";

        await PatchAsync($"/v1/domains/{id}", patch);
        await PatchAsync($"/v1/domains/{id}", patch);
        await PatchAsync($"/v1/domains/{id}", """{"metadata":{"owner":"John"}}""");

        var events = (await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}/events")))["items"]!.AsArray()
            .Where(one => one!["type"]!.ToString() == "domain.updated").ToList();
        Assert.Equal(
            ["""["metadata","tls.minimumVersion"]""", """["metadata"]"""],
            events.Select(one => one!["data"]!["changed"]!.ToJsonString()));
        Assert.All(events, one => Assert.DoesNotContain("J", one!["message"]!.ToString(), StringComparison.Ordinal));
        Assert.Equal("dns-unchecked", events[0]!["data"]!["reason"]!.ToString());
    }

    [Fact]
    public async Task Another_lowest_TLS_waits_for_the_publisher_with_the_bundle_that_is_served_and_words_do_not()
    {
        var id = await api.RegisterAsync("served.example.com");
        var bundle = await ServeAsync(id);

        await PatchAsync($"/v1/domains/{id}", """{"metadata":{"a":"b"}}""");
        Assert.Null(await ChangeOfAsync(id));
        await PatchAsync($"/v1/domains/{id}", """{"tls":{"minimumVersion":"1.3"}}""");
        Assert.Equal((bundle, "1.3"), await ChangeOfAsync(id));
        await PatchAsync($"/v1/domains/{id}", """{"tls":null}""");
        Assert.Equal((bundle, "1.2"), await ChangeOfAsync(id));
    }

    [Fact]
    public async Task A_domain_that_is_being_deleted_has_no_settings_any_more()
    {
        var id = await api.RegisterAsync("gone.example.com");
        await api.Acme.DeleteAsync($"/v1/domains/{id}");

        await ProblemAsync(await PatchAsync($"/v1/domains/{id}", "{}"), 409, "domain-deleted");
    }

    /// <summary>What waits for the publisher, or what it has published meanwhile.</summary>
    private async Task<(Guid?, string)?> ChangeOfAsync(Guid domain)
    {
        await using var db = api.Open();
        if (await db.DesiredChanges.SingleOrDefaultAsync(row => row.DomainId == domain) is { } change)
        {
            return (change.BundleId, change.TlsMinimum);
        }

        var published = await db.DesiredState.SingleAsync(row => row.DomainId == domain);
        return published.ChangedAt > DateTimeOffset.UnixEpoch ? (published.BundleId, published.TlsMinimum) : null;
    }

    /// <summary>As if its first bundle had been published, long ago.</summary>
    private async Task<Guid?> ServeAsync(Guid domain)
    {
        var bundle = Guid.CreateVersion7();
        var sha = $"{bundle:N}{bundle:N}";
        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync(
            $"""
             WITH chain AS (INSERT INTO chains (id, intermediates) VALUES ({sha}, ARRAY[]::bytea[])),
             made AS (
                 INSERT INTO bundles (id, domain_id, order_id, key_id, chain_id, leaf, issuer, serial, fingerprint,
                     not_before, not_after, created_at)
                 SELECT {bundle}, domain_id, id, {bundle}, {sha}, '', 'CN=T', '01', {sha},
                     now(), now() + interval '90 days', now()
                 FROM orders WHERE domain_id = {domain})
             INSERT INTO desired_state
                 (fleet_id, domain_id, hostname, bundle_id, order_sequence, revision, changed_at)
             SELECT domains.fleet_id, domain_id, orders.hostname, {bundle}, sequence, 1, 'epoch'
             FROM orders JOIN domains ON domains.id = domain_id WHERE domain_id = {domain}
             """);
        return bundle;
    }

    private async Task<string> ShownAsync(string path)
    {
        var domain = await ReadAsync(await api.Acme.GetAsync(path));
        return $"{domain["tls"]!["minimumVersion"]} {domain["metadata"]!.ToJsonString(Readable)}";
    }

    private Task<HttpResponseMessage> PatchAsync(string path, string json, string type = "application/json") =>
        api.Acme.PatchAsync(path, new StringContent(json, Encoding.UTF8, type));

    private static readonly System.Text.Json.JsonSerializerOptions Readable =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
