using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace SyncAgent.HAProxy;

/// <summary>A private key in a PEM text, in any of the forms that HAProxy loads: PKCS#8, PKCS#1 and SEC1. Ours are
/// PKCS#8; files from before us are of all kinds.</summary>
internal static class PemKey
{
    private const string EllipticCurveKey = "1.2.840.10045.2.1";

    /// <summary>True for the label of a private key that is not encrypted.</summary>
    public static bool IsLabel(ReadOnlySpan<char> label) =>
        label is "PRIVATE KEY" or "RSA PRIVATE KEY" or "EC PRIVATE KEY";

    /// <summary>Where HAProxy looks for the key of a file that holds none: beside <c>shop.crt</c> for
    /// <c>shop.crt.key</c>, or, with <c>ssl-load-extra-del-ext</c>, for <c>shop.key</c>.</summary>
    public static string? FileBeside(string path) =>
        new[] { path + ".key", Path.ChangeExtension(path, ".key") }.FirstOrDefault(File.Exists);

    public static bool IsIn(ReadOnlySpan<char> rest)
    {
        while (PemEncoding.TryFind(rest, out var fields))
        {
            if (IsLabel(rest[fields.Label]))
            {
                return true;
            }

            rest = rest[fields.Location.End.Value..];
        }

        return false;
    }

    /// <returns>The key as PKCS#8 DER; null when it is not the leaf's.</returns>
    public static byte[]? Of(X509Certificate2 leaf, ReadOnlySpan<char> text)
    {
        using AsymmetricAlgorithm pair =
            leaf.GetKeyAlgorithm() == EllipticCurveKey ? ECDsa.Create() : RSA.Create();
        try
        {
            pair.ImportFromPem(text);
            return pair.ExportSubjectPublicKeyInfo().AsSpan()
                .SequenceEqual(leaf.PublicKey.ExportSubjectPublicKeyInfo())
                ? pair.ExportPkcs8PrivateKey() : null;
        }
        catch (Exception other) when (other is CryptographicException or ArgumentException)
        {
            // Another kind of key than the leaf's, several of them, or damaged: none of the leaf's in any case.
            return null;
        }
    }
}
