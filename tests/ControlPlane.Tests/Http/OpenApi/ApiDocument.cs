using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ControlPlane.Tests.Http.OpenApi;

/// <summary>One operation of the API's own document.</summary>
/// <param name="Method">In upper case.</param>
/// <param name="Path">The template.</param>
/// <param name="Node">What the document says of it.</param>
internal sealed partial record ApiOperation(string Method, string Path, JsonNode Node)
{
    /// <summary>Who is admitted: roles, <c>node</c> or <c>anyone</c>.</summary>
    public IReadOnlyList<string> Roles { get; } =
        [.. (Node["x-roles"] as JsonArray ?? []).Select(role => role!.ToString())];

    public bool IsForAnyone => Roles is ["anyone"];

    public bool IsForNodes => Roles is ["node"];

    /// <summary>Each path parameter as the template up to and including it, which tells what it names.</summary>
    public IReadOnlyList<string> Parameters { get; } =
        [.. Braces().Matches(Path).Select(match => Path[..(match.Index + match.Length)])];

    /// <summary>The body that the document shows; null when it takes none.</summary>
    public JsonNode? Body => Node["requestBody"]?["content"]?["application/json"]?["example"];

    public IEnumerable<string> QueryParameters => from parameter in Node["parameters"] as JsonArray ?? []
                                                  where parameter!["in"]!.ToString() == "query"
                                                  select parameter["name"]!.ToString();

    /// <summary>The path with its parameters filled in.</summary>
    /// <param name="values">A value for each of <see cref="Parameters"/>.</param>
    public string At(IReadOnlyList<string> values)
    {
        var index = 0;
        return Braces().Replace(Path, _ => values[index++]);
    }

    public override string ToString() => $"{Method} {Path}";

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Braces();
}

/// <summary>The API's own description of itself.</summary>
internal static class ApiDocument
{
    public static async Task<JsonNode> ReadAsync(ApiFixture api) =>
        JsonNode.Parse(await api.Anonymous.GetStringAsync("/openapi/v1.json"))!;

    public static async Task<IReadOnlyList<ApiOperation>> OperationsAsync(ApiFixture api) =>
    [
        .. from path in (await ReadAsync(api))["paths"]!.AsObject()
           from method in path.Value!.AsObject()
           select new ApiOperation(method.Key.ToUpperInvariant(), path.Key, method.Value!),
    ];
}
