using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using SyncAgent.HAProxy;

namespace SyncAgent.Adopting;

/// <summary>
/// A file of a certificate directory as HAProxy reads it: the first certificate is the leaf, the others are its chain,
/// and a key that is not in it lies beside it. Holds a private key: it cannot print itself.
/// </summary>
internal sealed class OldBundle : IDisposable
{
    /// <summary>Far above anything HAProxy's buffer takes.</summary>
    private const int MostBytes = 1 << 20;

    private readonly X509Certificate2 _leaf;
    private readonly byte[]? _pkcs8;

    private OldBundle(X509Certificate2 leaf, IReadOnlyList<byte[]> chain, byte[]? pkcs8, bool hasKey)
    {
        (_leaf, Chain, _pkcs8, HasKey) = (leaf, chain, pkcs8, hasKey);
        Names = [.. leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(names => names.EnumerateDnsNames()).Select(name => name.ToLowerInvariant())
            .Distinct(StringComparer.Ordinal)];
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData(leaf.RawData));
    }

    /// <summary>DER, in the file's order.</summary>
    public IReadOnlyList<byte[]> Chain { get; }

    /// <summary>The leaf's names, lower case, wildcards as they are.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>SHA-256 of the leaf, lower-case hexadecimal.</summary>
    public string Fingerprint { get; }

    /// <summary>There is a private key, be it the leaf's or not.</summary>
    public bool HasKey { get; }

    /// <summary>The private key is the leaf's.</summary>
    public bool HasKeyOfLeaf => _pkcs8 is not null;

    /// <summary>PKCS#8 DER of the leaf's key. Do not copy.</summary>
    public ReadOnlySpan<byte> Pkcs8 => _pkcs8;

    public X509Certificate2 Leaf => _leaf;

    /// <exception cref="CryptographicException">It holds no certificate, or is no PEM.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static OldBundle Read(string path)
    {
        var text = ReadText(path);
        char[] beside = [];
        try
        {
            var certificates = CertificatesIn(text);
            if (certificates.Count == 0)
            {
                throw new CryptographicException("It holds no certificate.");
            }

            var leaf = X509CertificateLoader.LoadCertificate(certificates[0]);
            var hasKey = PemKey.IsIn(text);
            if (!hasKey && PemKey.FileBeside(path) is { } keyFile)
            {
                beside = ReadText(keyFile);
                hasKey = PemKey.IsIn(beside);
            }

            var key = hasKey ? PemKey.Of(leaf, beside.Length > 0 ? beside : text) : null;
            return new OldBundle(leaf, certificates[1..], key, hasKey);
        }
        finally
        {
            Array.Clear(text);
            Array.Clear(beside);
        }
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_pkcs8);
        _leaf.Dispose();
    }

    public override string ToString() => $"bundle {Fingerprint}";

    private static char[] ReadText(string path)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[Math.Min(file.Length, MostBytes)];
        try
        {
            file.ReadExactly(bytes);
            var text = new char[bytes.Length];
            Encoding.Latin1.GetChars(bytes, text);
            return text;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static List<byte[]> CertificatesIn(ReadOnlySpan<char> rest)
    {
        var found = new List<byte[]>();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            if (rest[fields.Label] is "CERTIFICATE")
            {
                var der = new byte[fields.DecodedDataLength];
                _ = Convert.TryFromBase64Chars(rest[fields.Base64Data], der, out var length);
                found.Add(der[..length]);
            }

            rest = rest[fields.Location.End.Value..];
        }

        return found;
    }
}
