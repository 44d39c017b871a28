using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace SyncAgent.HAProxy;

/// <summary>Issuers as PEM blocks. A fleet's bundles have a handful of issuers, and parsing one costs a third of a
/// millisecond: each is parsed once.</summary>
internal static class IssuerBlocks
{
    /// <summary>Far above the issuers of any fleet; beyond it, they are parsed every time.</summary>
    private const int Most = 64;

    private static readonly ConcurrentDictionary<string, string> Known = new(StringComparer.Ordinal);

    /// <returns>The block with its line break.</returns>
    /// <exception cref="CryptographicException">It does not parse.</exception>
    public static string Of(ReadOnlySpan<byte> der)
    {
        var key = Convert.ToHexString(SHA256.HashData(der));
        if (Known.TryGetValue(key, out var block))
        {
            return block;
        }

        using var parsed = X509CertificateLoader.LoadCertificate(der);
        block = PemEncoding.WriteString("CERTIFICATE", parsed.RawData) + "\n";
        if (Known.Count < Most)
        {
            Known[key] = block;
        }

        return block;
    }
}
