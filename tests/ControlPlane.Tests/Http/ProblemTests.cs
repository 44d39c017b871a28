using System.Net;
using System.Net.Http.Headers;
using System.Text;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http;

/// <summary>Whatever is wrong with a request, the answer says what and how to mend it, and nothing has
/// changed.</summary>
public sealed class ProblemTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    public static TheoryData<string, string, string?, int, string> BadBodies => new()
    {
        { "no body", "", "application/json", 400, "malformed-json" },
        { "null", "null", "application/json", 400, "malformed-json" },
        { "not JSON", "{hostname}", "application/json", 400, "malformed-json" },
        { "an array", "[]", "application/json", 400, "malformed-json" },
        { "a number for a name", """{"hostname":7}""", "application/json", 400, "malformed-json" },
        { "unknown field", """{"hostname":"a.example.com","hostnme":"b"}""", "application/json", 400, "unknown-field" },
        { "field twice", """{"hostname":"a.example.com","hostname":"b.example.com"}""", "application/json", 400,
            "malformed-json" },
        { "deep", $$"""{"hostname":{{new string('[', 40)}}{{new string(']', 40)}}}""", "application/json", 400,
            "malformed-json" },
        { "text", """{"hostname":"a.example.com"}""", "text/plain", 415, "unsupported-content-type" },
        { "no type", """{"hostname":"a.example.com"}""", null, 415, "unsupported-content-type" },
        { "1 MB", $$"""{"hostname":"{{new string('a', 1024 * 1024)}}"}""", "application/json", 413, "body-too-large" },
        { "no hostname", "{}", "application/json", 400, "hostname-missing" },
        { "no such algorithm", """{"hostname":"a.example.com","keyAlgorithm":"dsa"}""", "application/json", 400,
            "invalid-field" },
        { "a portal naming a tenant", """{"hostname":"a.example.com","tenant":"acme"}""", "application/json", 400,
            "tenant-not-allowed" },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task A_bad_body_is_explained_and_changes_nothing(
        string what, string body, string? type, int status, string reason)
    {
        Assert.NotEmpty(what);
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = type is null ? null : new MediaTypeHeaderValue(type);
        await ProblemAsync(await api.Acme.PostAsync("/v1/domains", content), status, reason);
        await using var db = api.Open();
        Assert.False(await db.Domains.AnyAsync());
        Assert.False(await db.Events.AnyAsync());
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", 404, "not-found")]
    [InlineData("GET", "/v1/domains/no-uuid", 404, "not-found")]
    [InlineData("GET", "/v1/domains/019cadc6-0a28-7c44-b1d2-6f7a8b9c0d1e", 404, "not-found")]
    [InlineData("PATCH", "/v1/domains", 405, "method-not-allowed")]
    [InlineData("GET", "/v1/domains?limit=0", 400, "invalid-field")]
    [InlineData("GET", "/v1/domains?limit=many", 400, "malformed-request")]
    [InlineData("GET", "/v1/domains?cursor=1", 400, "malformed-request")]
    [InlineData("GET", "/v1/domains?hostname=%00", 400, "malformed-request")]
    [InlineData("GET", "/v1/domains?status=fine", 400, "invalid-field")]
    [InlineData("GET", "/v1/domains?status=1", 400, "invalid-field")]
    [InlineData("GET", "/v1/domains?reason=refused", 400, "invalid-field")]
    [InlineData("GET", "/v1/events?limit=201", 400, "invalid-field")]
    [InlineData("GET", "/v1/tenants", 403, "not-allowed")]
    [InlineData("GET", "/problems/none", 404, "not-found")]
    public async Task A_bad_request_is_explained(string method, string path, int status, string reason) =>
        await ProblemAsync(
            await api.Acme.SendAsync(new HttpRequestMessage(new HttpMethod(method), path)), status, reason);

    [Fact]
    public async Task A_parameter_of_the_wrong_kind_is_named() =>
        Assert.Equal(
            "The parameter cursor has a value of the wrong kind.",
            (await ProblemAsync(await api.Acme.GetAsync("/v1/domains?cursor=1"), 400, "malformed-request"))["detail"]!
                .ToString());

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("cp_admin_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("ü")]
    public async Task Every_failure_to_prove_who_asks_gets_the_same_answer(string? key)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/domains");
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {Uri.EscapeDataString(key)}");
        }

        var response = await api.Anonymous.SendAsync(request);
        var problem = await ProblemAsync(response, 401, "not-authenticated");
        Assert.Equal("The request carries no valid key.", problem["detail"]!.ToString());
        Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task Every_problem_has_its_page()
    {
        foreach (var kind in ControlPlane.Http.Problems.ByCode.Values)
        {
            Assert.Contains(kind.Fix, await api.Anonymous.GetStringAsync(kind.Type), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Every_reason_has_its_page_with_the_party_and_the_remedy()
    {
        foreach (var reason in ControlPlane.Http.Reasons.ByCode.Values)
        {
            var page = await api.Anonymous.GetStringAsync(reason.Page);
            Assert.Contains(reason.Fix, page, StringComparison.Ordinal);
            Assert.Contains(
                reason.WaitingOn == WaitingOn.None ? "nobody" : reason.WaitingOn.ToString().ToLowerInvariant(), page,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Every_answer_carries_the_security_headers()
    {
        foreach (var path in new[] { "/v1/domains", "/healthz", "/swagger/index.html", "/nothing" })
        {
            var response = await api.Anonymous.GetAsync(path);
            Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Contains(
                "default-src", response.Headers.GetValues("Content-Security-Policy").Single(),
                StringComparison.Ordinal);
            Assert.False(response.Headers.Contains("Server"));
        }
    }

    [Theory]
    [InlineData("http://127.0.0.1:5080", false)]
    [InlineData("http://localhost:5080", false)]
    [InlineData("http://[::1]:5080", false)]
    [InlineData("https://0.0.0.0:5080", false)]
    [InlineData("http://0.0.0.0:5080", true)]
    [InlineData("http://[::]:5080", true)]
    [InlineData("http://*:5080", true)]
    [InlineData("http://192.0.2.1:5080", true)]
    public void Clear_text_beyond_loopback_is_noticed(string address, bool noticed) =>
        Assert.Equal(noticed ? [address] : [], ControlPlane.Http.Limits.ClearTextAddresses([address]));

    [Fact]
    public async Task Swagger_is_served_with_its_script()
    {
        Assert.Contains(
            "swagger-ui", await api.Anonymous.GetStringAsync("/swagger/index.html"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await api.Anonymous.GetAsync("/swagger/swagger-ui-bundle.js")).StatusCode);
        Assert.Contains(
            "persistAuthorization", await api.Anonymous.GetStringAsync("/swagger/index.js"), StringComparison.Ordinal);
    }
}
