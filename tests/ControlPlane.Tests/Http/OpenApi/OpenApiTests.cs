using System.Text.Json.Nodes;
using ControlPlane.Http;

namespace ControlPlane.Tests.Http.OpenApi;

/// <summary>The documentation is complete, or the build is red.</summary>
public sealed class OpenApiTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task Every_route_says_what_it_does_what_it_takes_what_can_go_wrong_and_who_may_call()
    {
        var document = JsonNode.Parse(await api.Anonymous.GetStringAsync("/openapi/v1.json"))!;
        var faults = new List<string>();
        var routes = 0;
        foreach (var (path, methods) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in methods!.AsObject())
            {
                routes++;
                faults.AddRange(Faults(path, operation!).Select(fault => $"{method} {path}: {fault}"));
            }
        }

        Assert.Empty(faults);
        Assert.True(routes >= 18, $"only {routes} routes are documented");
    }

    [Fact]
    public async Task The_document_tells_how_to_authorize()
    {
        var document = JsonNode.Parse(await api.Anonymous.GetStringAsync("/openapi/v1.json"))!;
        Assert.Equal("bearer", document["components"]!["securitySchemes"]!["ApiKey"]!["scheme"]!.ToString());
        Assert.Contains("For support staff", document["info"]!["description"]!.ToString(), StringComparison.Ordinal);
        var register = document["paths"]!["/v1/domains"]!["post"]!;
        Assert.Contains("Idempotency-Key", register["parameters"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(
            "shop.example.com",
            register["requestBody"]!["content"]!["application/json"]!["example"]!["hostname"]!.ToString());
    }

    [Fact]
    public async Task Every_problem_shown_as_an_example_has_all_members_its_schema_requires()
    {
        var document = JsonNode.Parse(await api.Anonymous.GetStringAsync("/openapi/v1.json"))!;
        var required = document["components"]!["schemas"]!["Problem"]!["required"]!.AsArray()
            .Select(name => name!.ToString()).ToList();
        var examples = document["paths"]!["/v1/domains"]!["get"]!["responses"]!["400"]!["content"]!
            ["application/problem+json"]!["examples"]!.AsObject();
        Assert.Contains("reason", required);
        Assert.All(examples, example => Assert.Empty(
            required.Except(example.Value!["value"]!.AsObject().Select(member => member.Key))));
    }

    [Fact]
    public async Task A_filter_that_takes_certain_words_offers_them()
    {
        var document = JsonNode.Parse(await api.Anonymous.GetStringAsync("/openapi/v1.json"))!;
        var status = document["paths"]!["/v1/domains"]!["get"]!["parameters"]!.AsArray()
            .Single(parameter => parameter!["name"]!.ToString() == "status")!;
        Assert.Contains("degraded", status["schema"]!["enum"]!.AsArray().Select(word => word!.ToString()));
    }

    [Fact]
    public async Task Every_code_a_program_may_branch_on_is_enumerated()
    {
        var document = JsonNode.Parse(await api.Anonymous.GetStringAsync("/openapi/v1.json"))!;

        var reasons = Reasons.ByCode.Keys.Order(StringComparer.Ordinal);
        Assert.Equal(reasons, Words("ReasonView", "code"));
        Assert.Equal(reasons, Words("FindingView", "code"));
        Assert.Equal(Problems.ByCode.Keys.Order(StringComparer.Ordinal), Words("Problem", "reason"));
        Assert.Contains("domain.active", Words("EventView", "type"));

        IEnumerable<string> Words(string schema, string member) =>
            document["components"]!["schemas"]![schema]!["properties"]![member]!["enum"]!.AsArray()
                .Select(word => word!.ToString());
    }

    [Fact]
    public async Task Answers_declare_the_headers_they_carry()
    {
        var document = JsonNode.Parse(await api.Anonymous.GetStringAsync("/openapi/v1.json"))!;
        var register = document["paths"]!["/v1/domains"]!["post"]!["responses"]!;
        Assert.Equal(
            ["Idempotency-Replayed", "Location", "RateLimit", "RateLimit-Policy"],
            Headers(register["201"]).Order(StringComparer.Ordinal));
        Assert.Contains("`Location`", register["201"]!["description"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(
            ["RateLimit", "RateLimit-Policy", "Retry-After"],
            Headers(register["429"]).Order(StringComparer.Ordinal));
        Assert.Contains("Retry-After", Headers(register["409"]));
        Assert.Contains("Location", Headers(document["paths"]!["/v1/domains/{id}"]!["delete"]!["responses"]!["202"]));
        Assert.DoesNotContain(
            "Location", Headers(document["paths"]!["/v1/nodes/join-codes"]!["post"]!["responses"]!["201"]));
        Assert.Equal(
            ["portal", "admin"],
            document["paths"]!["/v1/domains/{id}"]!["delete"]!["x-roles"]!.AsArray().Select(role => $"{role}"));

        var answer = await api.Acme.PostAsync(
            "/v1/domains",
            new StringContent("""{"hostname":"headers.example.com"}""", null, "application/json"));
        Assert.NotNull(answer.Headers.Location);
        Assert.Contains("\"portal\"", answer.Headers.GetValues("RateLimit").Single(), StringComparison.Ordinal);

        static IEnumerable<string> Headers(JsonNode? response) =>
            response!["headers"]?.AsObject().Select(header => header.Key) ?? [];
    }

    [Fact]
    public async Task The_root_leads_to_the_documentation_and_probes_may_ask_with_HEAD()
    {
        var page = await api.Anonymous.GetAsync("/");
        Assert.Equal("/swagger/index.html", page.RequestMessage!.RequestUri!.AbsolutePath);
        Assert.True(page.IsSuccessStatusCode);
        foreach (var path in new[] { "/healthz", "/readyz" })
        {
            using var head = new HttpRequestMessage(HttpMethod.Head, path);
            Assert.Equal(
                (await api.Anonymous.GetAsync(path)).StatusCode, (await api.Anonymous.SendAsync(head)).StatusCode);
        }
    }

    private static IEnumerable<string> Faults(string path, JsonNode operation)
    {
        if (string.IsNullOrWhiteSpace(operation["summary"]?.ToString()))
        {
            yield return "no summary";
        }

        if (operation["summary"]?.ToString().EndsWith('.') == true)
        {
            yield return "its summary is a code comment's, which wins over WithSummary";
        }

        foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
        {
            if (string.IsNullOrWhiteSpace(parameter!["description"]?.ToString()))
            {
                yield return $"does not describe {parameter["name"]}";
            }
        }

        if (string.IsNullOrWhiteSpace(operation["description"]?.ToString()))
        {
            yield return "no description";
        }

        var responses = operation["responses"]!.AsObject();
        // Enrolment has its join code, and the hook the CA's secret.
        var open = !path.StartsWith("/v1/", StringComparison.Ordinal)
            || path is ControlPlane.Contracts.Routes.Enrol or "/v1/hooks/certcentral";
        if (!open && (operation["security"] is not JsonArray { Count: > 0 } || !responses.ContainsKey("401")
            || !responses.ContainsKey("403")))
        {
            yield return "does not say who may call it";
        }

        if (!responses.Any(response => response.Key.StartsWith('2')))
        {
            yield return "no good answer";
        }

        foreach (var (status, response) in responses)
        {
            if (status is not ("503" or "410") && int.Parse(status) >= 400
                && response!["content"]?["application/problem+json"]?["examples"] is null)
            {
                yield return $"{status} is no problem with an example";
            }

            if (status.StartsWith('2') && response!["content"]?["application/json"] is { } good
                && good["example"] is null)
            {
                yield return $"{status} has no example";
            }
        }

        if (operation["requestBody"] is { } body
            && body["content"]?.AsObject().All(kind => kind.Value!["example"] is not null) != true)
        {
            yield return "its body has no example";
        }

        if (operation["requestBody"] is not null && !responses.ContainsKey("400"))
        {
            yield return "takes a body and cannot refuse it";
        }
    }
}
