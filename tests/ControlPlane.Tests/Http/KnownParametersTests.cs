using System.Net;
using System.Text;
using ControlPlane.Tests.Http.OpenApi;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http;

/// <summary>A filter that is misspelled would show everything, and a page size that is would be ignored.</summary>
public sealed class KnownParametersTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task Every_route_with_a_caller_refuses_what_its_document_does_not_show_and_says_what_it_does()
    {
        var node = await api.EnrolAsync("misspelling");
        var asked = 0;
        foreach (var operation in (await ApiDocument.OperationsAsync(api)).Where(one => !one.IsForAnyone))
        {
            asked++;
            var path = $"{await PathThings.FillAsync(api, operation)}?lmit=1&hostnme=a";
            var body = operation.Body?.ToJsonString();
            using var answer = operation.IsForNodes
                ? await node.SendAsync(operation.Method, path, body is null ? null : Encoding.UTF8.GetBytes(body))
                : await SendAsync(operation, path, body);

            var problem = await ProblemAsync(answer, 400, "unknown-parameter");

            Assert.Equal(["lmit", "hostnme"], problem["errors"]!.AsArray().Select(error => $"{error!["field"]}"));
            Assert.Contains("lmit, hostnme", $"{problem["detail"]}");
            Assert.All(
                operation.QueryParameters, known => Assert.Contains($" {known}", $"{problem["detail"]}"));
            Assert.Contains("unknown-parameter", operation.Node["responses"]!["400"]!.ToJsonString());
        }

        Assert.True(asked > 30);
    }

    [Theory]
    [InlineData("/v1/domains?LIMIT=1&Hostname=a")]
    [InlineData("/v1/domains?")]
    public async Task What_is_known_goes_through_however_it_is_written(string path)
    {
        using var answer = await api.Support.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("/healthz?from=lb")]
    [InlineData("/readyz?from=lb")]
    [InlineData("/metrics?module=x")]
    [InlineData("/problems/not-found?from=log")]
    public async Task Routes_for_anyone_are_left_alone(string path)
    {
        using var answer = await api.Anonymous.GetAsync(path);
        Assert.NotEqual(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private Task<HttpResponseMessage> SendAsync(ApiOperation operation, string path, string? body)
    {
        var request = new HttpRequestMessage(new HttpMethod(operation.Method), path)
        {
            Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
        };
        return (operation.Roles.Contains("admin") ? api.Admin : api.Acme).SendAsync(request);
    }
}
