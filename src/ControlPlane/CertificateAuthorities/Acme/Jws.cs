using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>JSON Web Signatures as ACME writes them: flattened, over the URL they are meant for (RFC 8555
/// §6.2).</summary>
internal static class Jws
{
    public const string ContentType = "application/jose+json";

    /// <summary>Signs a request with the account's key.</summary>
    /// <param name="key">The account's key.</param>
    /// <param name="account">The account's URL; null: the account is not made yet, and the key itself goes
    /// along.</param>
    /// <param name="nonce">One of the CA's.</param>
    /// <param name="url">Where the request goes: nowhere else does the signature count.</param>
    /// <param name="payload">JSON; empty for a POST-as-GET.</param>
    public static byte[] Sign(AccountKey key, Uri? account, string nonce, Uri url, ReadOnlySpan<byte> payload)
    {
        var who = account is null ? $"\"jwk\":{key.Jwk}" : $"\"kid\":{Quoted(account.AbsoluteUri)}";
        var header =
            $$"""{"alg":"ES256",{{who}},"nonce":{{Quoted(nonce)}},"url":{{Quoted(url.AbsoluteUri)}}}""";
        return Flattened(header, payload, key.Sign);
    }

    /// <summary>Binds an account's key to an account outside ACME (RFC 8555 §7.3.4), as a JSON object.</summary>
    /// <param name="key">The account's key, which is what is bound.</param>
    /// <param name="keyId">The outer account, as the CA named it.</param>
    /// <param name="hmacKey">The CA's key, base64url.</param>
    /// <param name="url">The CA's newAccount.</param>
    public static byte[] Bind(AccountKey key, string keyId, string hmacKey, Uri url)
    {
        var secret = Base64Url.DecodeFromChars(hmacKey.AsSpan().TrimEnd('='));
        try
        {
            return Flattened(
                $$"""{"alg":"HS256","kid":{{Quoted(keyId)}},"url":{{Quoted(url.AbsoluteUri)}}}""",
                Encoding.ASCII.GetBytes(key.Jwk),
                signed => HMACSHA256.HashData(secret, signed));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    public static bool IsBase64Url(string text) => Base64Url.IsValid(text.AsSpan().TrimEnd('='));

    private static byte[] Flattened(string header, ReadOnlySpan<byte> payload, Func<byte[], byte[]> sign)
    {
        var (protectedPart, payloadPart) =
            (Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header)), Base64Url.EncodeToString(payload));
        var signature = Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes($"{protectedPart}.{payloadPart}")));
        return Encoding.ASCII.GetBytes(
            $$"""{"protected":"{{protectedPart}}","payload":"{{payloadPart}}","signature":"{{signature}}"}""");
    }

    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}
