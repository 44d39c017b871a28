using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CertCentralSandbox.Issuing;

/// <summary>
/// The test root and its one intermediate, P-256, made at the first start and kept in one 0600 file, so that a kill
/// leaves either no authority or a whole one. Names say what it is, in every certificate below it.
/// </summary>
internal sealed class Authority : IDisposable
{
    public const string RootName = "CertCentral Sandbox Root - NOT A REAL CA";
    public const string IntermediateName = "CertCentral Sandbox Issuing CA - NOT A REAL CA";
    public const string Organization = "CertCentral Sandbox (test stand-in, not DigiCert)";

    private readonly ECDsa _key;

    private Authority(X509Certificate2 root, X509Certificate2 intermediate, ECDsa key) =>
        (Root, Intermediate, _key) = (root, intermediate, key);

    public X509Certificate2 Root { get; }

    public X509Certificate2 Intermediate { get; }

    /// <summary>Signs with the intermediate. Safe for concurrent use.</summary>
    public X509SignatureGenerator Signer => X509SignatureGenerator.CreateForECDsa(_key);

    public static Authority Open(SandboxOptions options, TimeProvider time)
    {
        var path = Path.Combine(options.StateDirectory, "authority.pem");
        if (!File.Exists(path))
        {
            WriteOwnerOnly(path, Found(time.GetUtcNow()));
        }

        var authority = Parse(File.ReadAllText(path));
        if (options.RootOut is { } rootOut)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(rootOut))!);
            File.WriteAllText(rootOut + ".new", authority.Root.ExportCertificatePem() + "\n");
            File.Move(rootOut + ".new", rootOut, overwrite: true);
        }

        return authority;
    }

    public void Dispose()
    {
        _key.Dispose();
        Root.Dispose();
        Intermediate.Dispose();
    }

    private static string Found(DateTimeOffset now)
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootAsk = Ask(RootName, rootKey, pathLength: null);
        using var root = rootAsk.CreateSelfSigned(now.AddDays(-2), now.AddYears(20));

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var ask = Ask(IntermediateName, key, pathLength: 0);
        ask.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(root, includeKeyIdentifier: true, false));
        ask.CertificateExtensions.Add(LeafProfile.ServerAuth());
        ask.CertificateExtensions.Add(CertificatePolicies.DomainValidated(null));
        using var intermediate = ask.Create(root, now.AddDays(-2), now.AddYears(10), LeafProfile.NewSerial());

        // The root's key is kept too: without it nobody could make a second intermediate for the same trust anchor.
        return string.Join(
            '\n',
            root.ExportCertificatePem(),
            rootKey.ExportPkcs8PrivateKeyPem(),
            intermediate.ExportCertificatePem(),
            key.ExportPkcs8PrivateKeyPem(),
            string.Empty);
    }

    private static CertificateRequest Ask(string name, ECDsa key, int? pathLength)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddOrganizationName(Organization);
        subject.AddCommonName(name);
        var ask = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        ask.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(true, pathLength is not null, pathLength ?? 0, critical: true));
        ask.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        ask.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(ask.PublicKey, critical: false));
        return ask;
    }

    private static Authority Parse(string pem)
    {
        var blocks = new List<string>();
        for (var rest = pem.AsSpan(); PemEncoding.TryFind(rest, out var fields); rest = rest[fields.Location.End..])
        {
            blocks.Add(rest[fields.Location].ToString());
        }

        if (blocks.Count != 4)
        {
            throw new InvalidDataException("authority.pem is damaged. Remove the state directory to start afresh.");
        }

        var key = ECDsa.Create();
        key.ImportFromPem(blocks[3]);
        return new Authority(X509Certificate2.CreateFromPem(blocks[0]), X509Certificate2.CreateFromPem(blocks[2]), key);
    }

    private static void WriteOwnerOnly(string path, string text)
    {
        var fresh = path + ".new";
        File.Delete(fresh);
        var settings = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            settings.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var writer = new StreamWriter(fresh, settings))
        {
            writer.Write(text);
        }

        File.Move(fresh, path);
    }
}
