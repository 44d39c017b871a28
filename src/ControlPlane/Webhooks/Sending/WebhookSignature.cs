using System.Security.Cryptography;
using System.Text;

namespace ControlPlane.Webhooks.Sending;

/// <summary>Signatures after Standard Webhooks (https://www.standardwebhooks.com, symmetric, v1): every language has a
/// library that checks them.</summary>
internal static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";

    /// <summary>A secret as its owner is shown it.</summary>
    public static string Written(byte[] secret) => "whsec_" + Convert.ToBase64String(secret);

    /// <param name="secret">The bytes behind <c>whsec_</c>.</param>
    /// <param name="id">The header webhook-id.</param>
    /// <param name="timestamp">Unix seconds.</param>
    /// <param name="body">As it is sent.</param>
    public static string Of(byte[] secret, string id, long timestamp, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        hash.AppendData(Encoding.UTF8.GetBytes($"{id}.{timestamp}."));
        hash.AppendData(body);
        return "v1," + Convert.ToBase64String(hash.GetHashAndReset());
    }
}
