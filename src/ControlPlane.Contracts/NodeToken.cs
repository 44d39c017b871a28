using System.Buffers.Text;
using System.Security.Cryptography;

namespace ControlPlane.Contracts;

/// <summary>
/// The token an agent sends with every call: <c>Authorization: Bearer &lt;JWT&gt;</c>, a JWS (RFC 7515) with <c>alg</c>
/// ES256, <c>kid</c> the id of the node's signing key, and the claims named here. It binds one request: method, path
/// with query, and body, so that a token read off the wire opens nothing else.
/// </summary>
public static class NodeToken
{
    /// <summary>The <c>typ</c> of the JWS header: tells a node's token from an API key at a glance.</summary>
    public const string Type = "node+jwt";

    /// <summary>The <c>aud</c> claim.</summary>
    public const string Audience = "controlplane";

    /// <summary>The HTTP method, upper case (named as in RFC 9449, DPoP).</summary>
    public const string MethodClaim = "htm";

    /// <summary>Path and query as sent, undecoded, such as <c>/v1/desired-state?wait=30</c>. Not RFC 9449's full URI:
    /// the host a proxy in front shows is not ours to know.</summary>
    public const string TargetClaim = "htt";

    /// <summary><see cref="DigestOf"/> the body; of the empty string when there is none.</summary>
    public const string BodyDigestClaim = "bsh";

    /// <summary>Longest time between <c>iat</c> and <c>exp</c>, and the most that clocks may differ after
    /// correction.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <summary>Response header of a 401 with the server's time (RFC 3339, UTC): an agent whose clock is off corrects
    /// by it and asks once more.</summary>
    public const string ServerTimeHeader = "X-Server-Time";

    /// <summary>Base64url of the body's SHA-256.</summary>
    /// <param name="body">The request body as sent.</param>
    public static string DigestOf(ReadOnlySpan<byte> body)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, digest);
        return Base64Url.EncodeToString(digest);
    }
}
