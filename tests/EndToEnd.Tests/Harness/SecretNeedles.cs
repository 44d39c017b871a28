using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace EndToEnd.Tests.Harness;

/// <summary>
/// A secret in every form in which it could have leaked: as bytes, in hexadecimal, and in base64 at each of the
/// three alignments that it can have inside something larger, such as PKCS#8 or a JSON body. What a needle is made of
/// is the secret number itself, which every encoding of the key must hold.
/// </summary>
internal sealed class SecretNeedles
{
    private readonly List<byte[]> _needles = [];

    private SecretNeedles(params ReadOnlySpan<byte[]> secrets)
    {
        foreach (var secret in secrets)
        {
            _needles.Add(secret);
            _needles.Add(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(secret)));
            _needles.Add(Encoding.ASCII.GetBytes(Convert.ToHexString(secret)));
            for (var shift = 0; shift < 3; shift++)
            {
                // The characters at both ends depend on the neighbours too.
                var text = Convert.ToBase64String([.. new byte[shift], .. secret])
                    .TrimEnd('=')[(shift == 0 ? 0 : shift + 1)..^1];
                _needles.Add(Encoding.ASCII.GetBytes(text));
                _needles.Add(Encoding.ASCII.GetBytes(text.Replace('+', '-').Replace('/', '_')));
            }
        }
    }

    /// <param name="pem">A file with leaf, chain and key, as a node keeps it.</param>
    public static SecretNeedles Of(string pem)
    {
        try
        {
            using var ec = ECDsa.Create();
            ec.ImportFromPem(KeyIn(pem));
            return new SecretNeedles(
                ec.ExportParameters(includePrivateParameters: true).D!, ec.ExportPkcs8PrivateKey());
        }
        catch (CryptographicException)
        {
            using var rsa = RSA.Create();
            rsa.ImportFromPem(KeyIn(pem));
            var secret = rsa.ExportParameters(includePrivateParameters: true);
            return new SecretNeedles(secret.P!, secret.Q!, secret.D!);
        }
    }

    /// <param name="text">A secret that is a text, such as an API key or a password: as it is, and what it encodes, in
    /// every other form.</param>
    public static SecretNeedles OfText(string text)
    {
        // An API key's prefix is no secret; its 32 bytes are 43 characters of base64url.
        var random = text.StartsWith("cp_", StringComparison.Ordinal) ? text[^43..] : text;
        var bytes = random.All(char.IsAsciiHexDigit) ? Convert.FromHexString(random)
            : Base64Url.IsValid(random) ? Base64Url.DecodeFromChars(random)
            : Convert.FromBase64String(random);
        return new SecretNeedles(Encoding.ASCII.GetBytes(text), bytes);
    }

    public bool AreIn(ReadOnlySpan<byte> hay)
    {
        // Line ends inside base64, as PEM has them, real ones and those that JSON escapes.
        var dense = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(hay)
            .Replace("\\r", "", StringComparison.Ordinal).Replace("\\n", "", StringComparison.Ordinal)
            .Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
        foreach (var needle in _needles)
        {
            if (hay.IndexOf(needle) >= 0 || dense.AsSpan().IndexOf(needle) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    private static string KeyIn(string pem)
    {
        var rest = pem.AsSpan();
        while (PemEncoding.TryFind(rest, out var block))
        {
            if (rest[block.Label].EndsWith("PRIVATE KEY", StringComparison.Ordinal))
            {
                return rest[block.Location].ToString();
            }

            rest = rest[block.Location.End..];
        }

        throw new InvalidDataException("The file holds no private key.");
    }
}
