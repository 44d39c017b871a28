using System.Collections.Concurrent;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using CertCentralSandbox.Faults;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Issuing;

/// <summary>One certificate of a chain answer.</summary>
internal sealed record ChainLink(string SubjectCommonName, string Pem);

/// <summary>The documented download formats. PEM lines end with CRLF, as the real ones do.</summary>
internal sealed class CertificateFiles(Authority authority, LeafProfile profile, FaultBoard faults, TimeProvider wall)
{
    private readonly ConcurrentDictionary<int, Lazy<string>> _padding = new();

    /// <summary>Content and media type, or null for a format that does not exist.</summary>
    public (byte[] Content, string Type)? Render(CertificateOrder order, OrderedCertificate certificate, string format)
    {
        var leaf = Leaf(order, certificate);
        var middle = Middle(certificate);
        var root = Crlf(authority.Root.ExportCertificatePem());
        const string pem = "application/x-pem-file";
        return format switch
        {
            "pem_all" => (Text([leaf, .. middle, root]), pem),
            "pem_noroot" => (Text([leaf, .. middle]), pem),
            "pem_nointermediate" or "pem" or "crt" => (Text([leaf]), pem),
            "cer" or "p7b" => (Pkcs7([leaf, .. middle, root]), "application/x-pkcs7-certificates"),
            "default" or "apache" or "default_cer" or "default_pem" =>
                (Zip(certificate.CommonName, leaf, middle, root, format), "application/zip"),
            _ => null,
        };
    }

    /// <summary>Leaf, intermediate, root.</summary>
    public IReadOnlyList<ChainLink> Chain(CertificateOrder order, OrderedCertificate certificate) =>
    [
        new(certificate.CommonName, Leaf(order, certificate)),
        .. Middle(certificate).Select(m => new ChainLink(Authority.IntermediateName, m)),
        new(Authority.RootName, Crlf(authority.Root.ExportCertificatePem())),
    ];

    private string Leaf(CertificateOrder order, OrderedCertificate certificate)
    {
        if (!faults.Fires(Fault.WrongPem, certificate.DnsNames))
        {
            return Crlf(certificate.Issued!.Pem);
        }

        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var wrong = profile.Sign(certificate, new PublicKey(stranger), wall.GetUtcNow(), order.DateValidTill);
        return Crlf(wrong.ExportCertificatePem());
    }

    private List<string> Middle(OrderedCertificate certificate)
    {
        List<string> middle = [Crlf(authority.Intermediate.ExportCertificatePem())];
        if (faults.Fires(Fault.OversizedChain, out var oversized, certificate.DnsNames))
        {
            for (var n = 1; middle.Sum(p => p.Length) < oversized.Value; n++)
            {
                middle.Add(_padding.GetOrAdd(n, number => new Lazy<string>(() => Padding(number))).Value);
            }
        }

        return middle;
    }

    private string Padding(int number)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var ask = new CertificateRequest(
            $"CN=CertCentral Sandbox Padding {number} - NOT A REAL CA", key, HashAlgorithmName.SHA256);
        ask.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        using var certificate = ask.CreateSelfSigned(
            new DateTimeOffset(authority.Root.NotBefore), new DateTimeOffset(authority.Root.NotAfter));
        return Crlf(certificate.ExportCertificatePem());
    }

    /// <summary>PEM as the API writes it; .NET leaves the last newline out, and two blocks would run
    /// together.</summary>
    private static string Crlf(string pem) => pem.TrimEnd().ReplaceLineEndings("\r\n") + "\r\n";

    private static byte[] Text(IEnumerable<string> blocks) => Encoding.ASCII.GetBytes(string.Concat(blocks));

    private static byte[] Pkcs7(IEnumerable<string> blocks)
    {
        var all = new X509Certificate2Collection();
        foreach (var block in blocks)
        {
            all.Add(X509Certificate2.CreateFromPem(block));
        }

        return all.Export(X509ContentType.Pkcs7)!;
    }

    private static byte[] Zip(string name, string leaf, IReadOnlyList<string> middle, string root, string format)
    {
        var stem = name.Replace('.', '_').Replace('*', '_');
        var ending = format == "default_pem" ? "pem" : format == "default_cer" ? "cer" : "crt";
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            Put(zip, $"{stem}.{ending}", leaf);
            Put(zip, $"CertCentralSandboxCA.{ending}", string.Concat(middle));
            Put(zip, $"CertCentralSandboxRoot.{ending}", root);
        }

        return bytes.ToArray();
    }

    private static void Put(ZipArchive zip, string name, string text)
    {
        using var writer = new StreamWriter(zip.CreateEntry(name).Open(), Encoding.ASCII);
        writer.Write(text);
    }
}
