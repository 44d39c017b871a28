using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace CertCentralSandbox.Validation;

/// <summary>
/// The token of immediate issuance, as DigiCert's published library makes it: <c>salt</c> (UTC, yyyyMMddHHmmss)
/// followed by HMAC-SHA256(AuthKey, salt + CSR) in base 36, padded to 50. Which form of the CSR is hashed is not
/// documented; here it is the PEM body without header, footer and line ends, which is a guess.
/// </summary>
internal static class RequestToken
{
    private const string SaltFormat = "yyyyMMddHHmmss";
    private const string Digits = "0123456789abcdefghijklmnopqrstuvwxyz";

    public static string Create(string authKey, string csrPem, DateTimeOffset now)
    {
        var salt = now.UtcDateTime.ToString(SaltFormat, CultureInfo.InvariantCulture);
        var mac = HMACSHA256.HashData(Encoding.UTF8.GetBytes(authKey), Encoding.UTF8.GetBytes(salt + Body(csrPem)));
        return salt + Base36(new BigInteger(mac, isUnsigned: true, isBigEndian: true)).PadLeft(50, '0');
    }

    /// <summary>Whether the file holds a token for this CSR, at most 30 days old and not from the future.</summary>
    public static bool Accepts(string file, string authKey, string csrPem, DateTimeOffset now) =>
        file.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Any(token =>
            token.Length == SaltFormat.Length + 50
            && DateTimeOffset.TryParseExact(
                token[..SaltFormat.Length], SaltFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal,
                out var made)
            && made <= now && now - made <= TimeSpan.FromDays(30)
            && token == Create(authKey, csrPem, made));

    private static string Body(string pem) =>
        string.Concat(pem.Split('\n').Select(l => l.Trim()).Where(l => !l.StartsWith('-')));

    private static string Base36(BigInteger number)
    {
        var text = new StringBuilder();
        for (; number > 0; number /= 36)
        {
            text.Insert(0, Digits[(int)(number % 36)]);
        }

        return text.ToString();
    }
}
