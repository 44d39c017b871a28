using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using ControlPlane.Http;

namespace ControlPlane.Domains.Reading;

/// <summary>
/// A domain's entity tag: a hash of all that GET shows, except what a clock moves and nobody changed: when we look
/// next, and the time so far. So a tag that is read stays good while nothing happens, for whoever polls and for whoever
/// is about to change it. It is written as a strong one all the same, because If-Match takes no other; nobody asks for
/// ranges of a domain, which is what the difference is for. The same on every replica of a version.
/// </summary>
internal static class DomainTag
{
    private static readonly JsonSerializerOptions Json = Options();

    private static readonly TimeToActive Counting = new(0, 0, 0, 0, 0);

    /// <summary>With its quotation marks.</summary>
    public static string Of(DomainView view)
    {
        var lasting = view with
        {
            NextCheckAt = null,
            Dns = view.Dns with { NextLookAt = null },
            TimeToActive = view.ActivatedAt is null ? Counting : view.TimeToActive,
        };
        var hash = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(lasting, Json));
        return $"\"{Base64Url.EncodeToString(hash.AsSpan(0, 15))}\"";
    }

    private static JsonSerializerOptions Options()
    {
        var options = new JsonSerializerOptions();
        JsonSetup.Apply(options);
        return options;
    }
}
