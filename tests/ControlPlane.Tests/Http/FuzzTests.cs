using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Http.OpenApi;
using ControlPlane.Tests.Nodes;

namespace ControlPlane.Tests.Http;

/// <summary>Whatever is written into any field of any route, the answer says what is wrong with it; none is a surprise.
/// The fields come from the API's own document.</summary>
public sealed class FuzzTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    /// <summary>Takes the place of the value under test until the body is text, because no string can hold half a
    /// surrogate pair.</summary>
    private const string Mark = "\"@@@\"";

    /// <summary>Values as they are written in JSON.</summary>
    private static readonly string[] Nasty =
    [
        "\"\\u0000\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\u202egnp.exe\"", "\"\\ud83d\\ude00\"", "\"'; --\"",
        $"\"{new string('a', 70_000)}\"", "\"\"", "null", "-1", "1e400", "[[[]]]", "{\"a\":{}}",
    ];

    /// <summary>Values as they are written in a path or a query.</summary>
    private static readonly string[] NastyInPath =
    [
        "%00", "%F0%9F%98%80", "%E2%80%AE", "%ED%A0%80", "..%2F..%2Fetc", "%25", "'%3B--", new string('a', 3_500),
        "-1", "99999999999999999999", "00000000-0000-0000-0000-000000000000",
    ];

    [Fact]
    public async Task No_field_of_any_body_breaks_a_route()
    {
        var node = await api.EnrolAsync("fuzz-body");
        var sent = 0;
        foreach (var operation in await ApiDocument.OperationsAsync(api))
        {
            if (operation.Body is not { } body)
            {
                continue;
            }

            var path = await PathThings.FillAsync(api, operation);
            foreach (var marked in Marked(body))
            {
                foreach (var value in Nasty)
                {
                    sent++;
                    var text = marked.Replace(Mark, value, StringComparison.Ordinal);
                    await SoundAsync(operation, path, text, node);
                }
            }
        }

        Assert.True(sent > 100);
    }

    [Fact]
    public async Task No_parameter_of_any_path_or_query_breaks_a_route()
    {
        var node = await api.EnrolAsync("fuzz-path");
        foreach (var operation in await ApiDocument.OperationsAsync(api))
        {
            var body = operation.Body?.ToJsonString();
            var path = await PathThings.FillAsync(api, operation);
            foreach (var value in NastyInPath)
            {
                foreach (var name in operation.QueryParameters)
                {
                    await SoundAsync(operation, $"{path}?{name}={value}", body, node);
                }

                foreach (var index in Enumerable.Range(0, operation.Parameters.Count))
                {
                    var values = Enumerable.Repeat(Guid.Empty.ToString(), operation.Parameters.Count).ToArray();
                    values[index] = value;
                    await SoundAsync(operation, operation.At(values), body, node);
                }
            }
        }
    }

    private async Task SoundAsync(ApiOperation operation, string path, string? body, TestNode node)
    {
        using var answer = operation.IsForNodes
            ? await node.SendAsync(operation.Method, path, body is null ? null : Encoding.UTF8.GetBytes(body))
            : await SendAsync(operation, path, body);
        Assert.True(
            answer.StatusCode < HttpStatusCode.InternalServerError,
            $"{operation} {path[..Math.Min(path.Length, 200)]}: {(int)answer.StatusCode} to "
            + $"{body?[..Math.Min(body.Length, 300)]}: {await answer.Content.ReadAsStringAsync()}");
    }

    private Task<HttpResponseMessage> SendAsync(ApiOperation operation, string path, string? body)
    {
        var request = new HttpRequestMessage(new HttpMethod(operation.Method), new Uri(
            api.Anonymous.BaseAddress!.GetLeftPart(UriPartial.Authority) + path,
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return (operation.Roles.Contains("admin") ? api.Admin
            : operation.Roles.Contains("support") ? api.Support
            : operation.Roles.Contains("portal") ? api.Acme
            : api.Anonymous).SendAsync(request);
    }

    /// <summary>The body once for each value in it, that value replaced by <see cref="Mark"/>.</summary>
    private static IEnumerable<string> Marked(JsonNode body)
    {
        var places = new List<Action<JsonNode>>();
        Collect(body, root => root, places);
        foreach (var place in places)
        {
            var copy = new JsonObject { ["body"] = body.DeepClone() };
            place(copy);
            yield return copy["body"]!.ToJsonString();
        }
    }

    private static void Collect(JsonNode node, Func<JsonNode, JsonNode> find, List<Action<JsonNode>> places)
    {
        if (node is JsonObject members)
        {
            foreach (var (name, value) in members)
            {
                places.Add(copy => find(copy["body"]!)[name] = "@@@");
                if (value is not null)
                {
                    Collect(value, root => find(root)[name]!, places);
                }
            }
        }
        else if (node is JsonArray items)
        {
            places.Add(copy => ((JsonArray)find(copy["body"]!)).Add("@@@"));
            for (var i = 0; i < items.Count; i++)
            {
                var index = i;
                places.Add(copy => find(copy["body"]!)[index] = "@@@");
                if (items[i] is { } item)
                {
                    Collect(item, root => find(root)[index]!, places);
                }
            }
        }
    }
}
