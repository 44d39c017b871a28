using System.Security.Cryptography;
using System.Text;
using ControlPlane.Contracts;
using Microsoft.IdentityModel.JsonWebTokens;

namespace ControlPlane.Nodes.Access;

/// <summary>The request a token must have been made for.</summary>
/// <param name="Method">Upper case.</param>
/// <param name="Target">Path and query as sent, undecoded.</param>
internal readonly record struct NodeRequest(string Method, string Target);

/// <summary>
/// Checks a <see cref="NodeToken"/> step by step, cheapest first, the body last: nobody makes us read a megabyte
/// without a valid signature. Pure; the answers say what to correct and nothing about other nodes.
/// </summary>
internal static class NodeTokenCheck
{
    /// <summary>No token of ours is half as long.</summary>
    public const int MaxLength = 2048;

    /// <summary>The token's parts, unverified; null when it is not one of ours, such as an API key or another
    /// algorithm.</summary>
    public static JsonWebToken? Read(string text)
    {
        if (text.Length > MaxLength || text.Count(c => c == '.') != 2)
        {
            return null;
        }

        try
        {
            var token = new JsonWebToken(text);
            // "none" and HS256 are refused by name: the token may not choose how it is checked.
            return token is { Alg: "ES256", Typ: NodeToken.Type, Kid.Length: > 0 } ? token : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>True when <paramref name="signingKey"/> (SubjectPublicKeyInfo) signed exactly these bytes.</summary>
    public static bool IsSigned(JsonWebToken token, byte[] signingKey)
    {
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(signingKey, out _);
        var encoded = token.EncodedToken;
        try
        {
            var signature = System.Buffers.Text.Base64Url.DecodeFromChars(token.EncodedSignature);
            return key.VerifyData(
                Encoding.ASCII.GetBytes(encoded[..encoded.LastIndexOf('.')]), signature, HashAlgorithmName.SHA256);
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>What is wrong with the claims, as a sentence; null when nothing is.</summary>
    public static string? Refusal(JsonWebToken token, NodeRequest request, DateTimeOffset now)
    {
        if (token.Audiences.ToArray() is not [NodeToken.Audience])
        {
            return "The token is for another audience.";
        }

        if (!token.TryGetPayloadValue("iat", out long issued) || !token.TryGetPayloadValue("exp", out long expires)
            || expires <= issued || expires - issued > (long)NodeToken.Lifetime.TotalSeconds)
        {
            return "The token must live for at most 60 seconds.";
        }

        // Clocks may differ by the same 60 s; the caller corrects by the time we send with the refusal.
        var seconds = now.ToUnixTimeSeconds();
        var skew = (long)NodeToken.Lifetime.TotalSeconds;
        if (issued > seconds + skew || expires < seconds - skew)
        {
            return $"The token has expired or is not valid yet. Correct the clock by {NodeToken.ServerTimeHeader}.";
        }

        if (!Is(token, NodeToken.MethodClaim, request.Method) || !Is(token, NodeToken.TargetClaim, request.Target))
        {
            return "The token was made for another request.";
        }

        return null;
    }

    /// <summary>True when the token binds these bytes.</summary>
    public static bool BindsBody(JsonWebToken token, ReadOnlySpan<byte> body) =>
        Is(token, NodeToken.BodyDigestClaim, NodeToken.DigestOf(body));

    private static bool Is(JsonWebToken token, string claim, string expected) =>
        token.TryGetPayloadValue(claim, out string? value) && string.Equals(value, expected, StringComparison.Ordinal);
}
