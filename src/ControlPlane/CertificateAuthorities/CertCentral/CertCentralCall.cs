using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>One call, ready to be sent.</summary>
/// <param name="Method">GET, POST or PUT.</param>
/// <param name="Template">Path with <c>{0}</c> where the id goes; it names the route in metrics and errors.</param>
/// <param name="Id">What goes there; escaped.</param>
internal sealed record CertCentralCall(HttpMethod Method, string Template, string? Id = null)
{
    public string Query { get; init; } = "";

    /// <summary>UTF-8 JSON; null: no body.</summary>
    public byte[]? Body { get; init; }

    /// <summary>One type for each call: the API has been seen to answer 406 to a choice of several.</summary>
    public string Accept { get; init; } = "application/json";

    public CallPriority Priority { get; init; } = CallPriority.New;

    public string Route => $"{Method} {string.Format(Template, "{id}")}";

    public string Path => string.Format(Template, Id is null ? null : Uri.EscapeDataString(Id)) + Query;

    /// <summary>Reads may be repeated at will.</summary>
    public bool IsRead => Method == HttpMethod.Get;

    public CertCentralCall With<T>(T body, JsonTypeInfo<T> type) =>
        this with { Body = JsonSerializer.SerializeToUtf8Bytes(body, type) };
}

/// <summary>The UTF-8 byte order mark, which JSON forbids and gateways add.</summary>
internal static class Utf8Mark
{
    public static ReadOnlySpan<byte> Skip(byte[] body) =>
        body.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? body.AsSpan(Encoding.UTF8.Preamble.Length) : body;
}
