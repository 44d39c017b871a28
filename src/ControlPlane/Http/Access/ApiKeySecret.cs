using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace ControlPlane.Http.Access;

/// <summary>
/// The secret of an API key, <c>cp_&lt;role&gt;_&lt;43 characters of base64url&gt;</c>: 256 random bits. The prefix
/// tells people and secret scanners what it is; what it may do is in the database.
/// </summary>
internal sealed class ApiKeySecret
{
    private const int RandomBytes = 32;

    /// <summary>Longest key we look at; ours are 58 characters or less.</summary>
    private const int MaxLength = 100;

    private readonly string _text;

    private ApiKeySecret(string text) => _text = text;

    public byte[] Hash => SHA256.HashData(Encoding.ASCII.GetBytes(_text));

    public static ApiKeySecret Create(ApiRole role)
    {
        var random = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        return new ApiKeySecret($"cp_{role.ToString().ToLowerInvariant()}_{random}");
    }

    /// <summary>Null when the text cannot be a key of ours.</summary>
    public static ApiKeySecret? Parse(string text) =>
        text.StartsWith("cp_", StringComparison.Ordinal) && text.Length <= MaxLength && text.All(char.IsAscii)
            ? new ApiKeySecret(text)
            : null;

    /// <summary>The secret itself: shown once, when the key is made.</summary>
    public string Reveal() => _text;

    public override string ToString() => "(API key)";
}
