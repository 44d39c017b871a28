using System.Globalization;
using System.Text.Json;

namespace CertCentralSandbox.Web;

/// <summary>
/// A JSON body read as tolerantly as CertCentral's mixture of integers, quoted numbers, booleans and 0/1 asks for. A
/// field of the wrong kind counts as absent.
/// </summary>
internal sealed class Form
{
    private readonly JsonElement _root;

    private Form(JsonElement root) => _root = root;

    /// <summary>What the gate read from the current request; an absent body is an empty form.</summary>
    public static ValueTask<Form?> BindAsync(HttpContext context) =>
        ValueTask.FromResult<Form?>(context.Features.Get<Form>() ?? new Form(default));

    /// <summary>Reads the body; null when it is no JSON object.</summary>
    public static async Task<Form?> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancellation);
        if (body.Length == 0)
        {
            return new Form(default);
        }

        try
        {
            using var document = JsonDocument.Parse(body.ToArray(), new JsonDocumentOptions { MaxDepth = 32 });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new Form(document.RootElement.Clone())
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public bool Has(string name) => Field(name) is { ValueKind: not JsonValueKind.Null };

    public string? Text(string name) => Field(name) switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        _ => null,
    };

    public long? Number(string name) =>
        long.TryParse(Text(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) ? n : null;

    public bool Flag(string name) => Field(name) switch
    {
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.Number } number => number.GetDouble() != 0,
        { ValueKind: JsonValueKind.String } text => text.GetString() is "1" or "true",
        _ => false,
    };

    public Form? Object(string name) =>
        Field(name) is { ValueKind: JsonValueKind.Object } inner ? new Form(inner) : null;

    public IReadOnlyList<string> Texts(string name) => Field(name) switch
    {
        { ValueKind: JsonValueKind.Array } list =>
            [.. list.EnumerateArray().Where(e => e.ValueKind == JsonValueKind.String).Select(e => e.GetString()!)],
        { ValueKind: JsonValueKind.String } one => [one.GetString()!],
        _ => [],
    };

    /// <summary>The same fields, some under another name.</summary>
    public Form Renamed(params (string From, string To)[] names)
    {
        var fields = _root.EnumerateObject().ToDictionary(
            p => Array.Find(names, n => n.From == p.Name).To ?? p.Name,
            p => p.Value);
        return new Form(JsonSerializer.SerializeToElement(fields));
    }

    private JsonElement? Field(string name) =>
        _root.ValueKind == JsonValueKind.Object && _root.TryGetProperty(name, out var value) ? value : null;
}
