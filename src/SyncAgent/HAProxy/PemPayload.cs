using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace SyncAgent.HAProxy;

/// <summary>
/// Leaf, chain and key as HAProxy takes them: rebuilt from parsed DER, so that no byte from outside reaches the socket,
/// no blank line ends the payload early, and no text between the blocks can be run as a command. Cannot print itself.
/// </summary>
internal sealed class PemPayload : IDisposable
{
    private readonly byte[] _bytes;

    private PemPayload(byte[] bytes, X509Certificate2 leaf)
    {
        _bytes = bytes;
        NotBefore = new DateTimeOffset(leaf.NotBefore.ToUniversalTime());
        NotAfter = new DateTimeOffset(leaf.NotAfter.ToUniversalTime());
        var leafDer = leaf.RawData;
        Names = [.. leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(names => names.EnumerateDnsNames())];
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData(leafDer));
        // HAProxy 2.6 prints SHA-1 fingerprints only; the handshake proves the SHA-256.
#pragma warning disable CA5350
        MemoryFingerprint = Convert.ToHexString(SHA1.HashData(leafDer));
#pragma warning restore CA5350
    }

    public ReadOnlyMemory<byte> Bytes => _bytes;

    public DateTimeOffset NotBefore { get; }

    public DateTimeOffset NotAfter { get; }

    /// <summary>The names that HAProxy serves it for.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>SHA-256 of the leaf, lower-case hex.</summary>
    public string Fingerprint { get; }

    /// <summary>SHA-1 of the leaf, upper-case hex, as <c>show ssl cert</c> prints it.</summary>
    public string MemoryFingerprint { get; }

    /// <exception cref="CryptographicException">A part does not parse, or the key is not the leaf's.</exception>
    public static PemPayload FromDer(
        ReadOnlyMemory<byte> leaf, IReadOnlyList<ReadOnlyMemory<byte>> chain, ReadOnlySpan<byte> pkcs8)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(leaf.Span);
        return FromDer(certificate, chain, pkcs8);
    }

    /// <inheritdoc cref="FromDer(ReadOnlyMemory{byte}, IReadOnlyList{ReadOnlyMemory{byte}}, ReadOnlySpan{byte})"/>
    public static PemPayload FromDer(
        X509Certificate2 leaf, IReadOnlyList<ReadOnlyMemory<byte>> chain, ReadOnlySpan<byte> pkcs8)
    {
        RequireKeyOf(leaf, pkcs8);

        var text = new StringBuilder();
        AppendBlock(text, leaf.RawData);
        foreach (var issuer in chain)
        {
            text.Append(IssuerBlocks.Of(issuer.Span));
        }

        var keyBlock = PemEncoding.Write("PRIVATE KEY", pkcs8);
        var bytes = new byte[text.Length + keyBlock.Length + 1];
        var written = Encoding.ASCII.GetBytes(text.ToString(), bytes);
        written += Encoding.ASCII.GetBytes(keyBlock, bytes.AsSpan(written));
        bytes[written] = (byte)'\n';
        Array.Clear(keyBlock);
        return new PemPayload(bytes, leaf);
    }

    /// <summary>Reads a bundle back from its file's bytes and rebuilds it: a damaged file never reaches
    /// HAProxy.</summary>
    /// <exception cref="CryptographicException">The file is damaged.</exception>
    public static PemPayload FromFile(ReadOnlySpan<byte> file)
    {
        var text = new char[file.Length];
        try
        {
            Encoding.ASCII.GetChars(file, text);
            return FromText(text);
        }
        catch (Exception damage) when (damage is ArgumentException or FormatException)
        {
            throw new CryptographicException("The file is not a PEM bundle.", damage);
        }
        finally
        {
            Array.Clear(text);
        }
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_bytes);

    public override string ToString() => $"bundle {Fingerprint}, {_bytes.Length} bytes";

    private static PemPayload FromText(ReadOnlySpan<char> text)
    {
        var rest = text;
        var isFromBefore = false;
        var certificates = new List<ReadOnlyMemory<byte>>();
        byte[]? key = null;
        try
        {
            while (PemEncoding.TryFind(rest, out var fields))
            {
                var der = new byte[fields.DecodedDataLength];
                if (!Convert.TryFromBase64Chars(rest[fields.Base64Data], der, out _))
                {
                    throw new CryptographicException("A PEM block is not base64.");
                }

                switch (rest[fields.Label])
                {
                    case "CERTIFICATE":
                        certificates.Add(der);
                        break;
                    case "PRIVATE KEY":
                        key = der;
                        break;
                    case var other when PemKey.IsLabel(other):
                        // From before us: HAProxy loads these, so that they are no damage.
                        isFromBefore = true;
                        CryptographicOperations.ZeroMemory(der);
                        break;
                    case "EC PARAMETERS" or "DH PARAMETERS":
                        break;
                    default:
                        throw new CryptographicException("A PEM block is neither a certificate nor a private key.");
                }

                rest = rest[fields.Location.End.Value..];
            }

            if (key is null && certificates.Count > 0 && isFromBefore)
            {
                using var leaf = X509CertificateLoader.LoadCertificate(certificates[0].Span);
                key = PemKey.Of(leaf, text);
            }

            if (certificates.Count == 0 || key is null)
            {
                throw new CryptographicException("The file lacks a certificate or its key.");
            }

            return FromDer(certificates[0], certificates[1..], key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private static void AppendBlock(StringBuilder text, byte[] der) =>
        // PEM exports end without a line break: join them explicitly, and with one only.
        text.Append(PemEncoding.Write("CERTIFICATE", der)).Append('\n');

    private static void RequireKeyOf(X509Certificate2 certificate, ReadOnlySpan<byte> pkcs8)
    {
        using AsymmetricAlgorithm key = certificate.GetKeyAlgorithm() == "1.2.840.10045.2.1" ? ECDsa.Create()
            : RSA.Create();
        key.ImportPkcs8PrivateKey(pkcs8, out _);
        if (!key.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(
            certificate.PublicKey.ExportSubjectPublicKeyInfo()))
        {
            throw new CryptographicException("The private key is not the leaf's.");
        }
    }
}
