using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Domains;

namespace ControlPlane.CertificateAuthorities;

/// <summary>
/// Holds what a CA handed out against what was ordered: our key, exactly our name, sane dates, a sane serial, and a
/// chain that builds from the delivered intermediates to a trusted root without asking the network. CAs do hand out the
/// wrong PEM.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="trustAnchors">By the name of the CA the roots that its chains must end at; null: the machine's.</param>
internal sealed class ChainVerifier(
    TimeProvider time, IReadOnlyDictionary<string, X509Certificate2Collection?> trustAnchors)
{
    /// <summary>A CA may date a certificate up to 48 h back, but not ahead; this allows for clocks that
    /// differ.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(10);

    /// <summary>The longest any public CA may issue for (Baseline Requirements 6.3.2, since 2026-03-15): 200
    /// days.</summary>
    private static readonly TimeSpan LongestValidity = TimeSpan.FromDays(200);

    /// <summary>The longest before that: what was bought then is good until it ends.</summary>
    private static readonly TimeSpan LongestValidityOnce = TimeSpan.FromDays(398);

    /// <summary>A CA's serial has at least 64 random bits (Baseline Requirements 7.1) and at most 20 octets (RFC 5280):
    /// fewer than 8 octets would be a certificate from somewhere else.</summary>
    private const int FewestSerialDigits = 14;

    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>Says what is wrong, in one sentence; null when everything is as ordered.</summary>
    /// <param name="order">What was ordered, at a CA that is configured.</param>
    /// <param name="certificates">DER, leaf first.</param>
    public string? FaultOf(Order order, IReadOnlyList<byte[]> certificates) => FaultOf(
        certificates,
        [trustAnchors[order.Ca]],
        leaf => !leaf.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(PublicKeyOf(order.Csr!))
            ? "It is for another key than the one we made."
            : LeafFault(order.Hostname, leaf, LongestValidity));

    /// <summary>Says why a certificate that was bought elsewhere cannot be served for a name; null when it can. Its
    /// chain may end at the roots of any of our CAs. Whether the key is the leaf's is for whoever opens the
    /// key.</summary>
    /// <param name="hostname">The name.</param>
    /// <param name="certificates">DER, leaf first.</param>
    public string? AdoptionFault(string hostname, IReadOnlyList<byte[]> certificates) =>
        FaultOf(certificates, trustAnchors.Values, leaf => LeafFault(hostname, leaf, LongestValidityOnce));

    private string? FaultOf(
        IReadOnlyList<byte[]> certificates, IEnumerable<X509Certificate2Collection?> anchors,
        Func<X509Certificate2, string?> leafFault)
    {
        var parsed = new List<X509Certificate2>();
        try
        {
            parsed.AddRange(certificates.Select(Parse));
            if (parsed.Count == 0)
            {
                return "It is empty.";
            }

            var chainFaults = anchors.Distinct().Select(roots => ChainFault(parsed, roots)).ToList();
            return leafFault(parsed[0]) ?? (chainFaults.Contains(null) ? null : chainFaults[0]);
        }
        catch (CryptographicException)
        {
            return "It is not a certificate.";
        }
        finally
        {
            parsed.ForEach(certificate => certificate.Dispose());
        }
    }

    /// <summary>The platform takes PEM, too, and passes over what comes after. What is kept is bytes as they were
    /// given, and nodes take them for DER.</summary>
    private static X509Certificate2 Parse(byte[] der)
    {
        var certificate = X509CertificateLoader.LoadCertificate(der);
        if (certificate.RawDataMemory.Span.SequenceEqual(der))
        {
            return certificate;
        }

        certificate.Dispose();
        throw new CryptographicException("It is not one certificate in DER.");
    }

    private string? LeafFault(string hostname, X509Certificate2 leaf, TimeSpan longest)
    {
        var now = time.GetUtcNow();
        var (from, until) = (leaf.NotBefore.ToUniversalTime(), leaf.NotAfter.ToUniversalTime());
        var names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames()).ToList();
        return true switch
        {
            _ when names is not [var name] || !name.Equals(hostname, StringComparison.OrdinalIgnoreCase) =>
                $"It is for {string.Join(", ", names)}, not for {hostname} alone.",
            _ when HasOtherNames(leaf) => "It carries an address besides the name.",
            _ when leaf.Extensions.OfType<X509BasicConstraintsExtension>().Any(limits => limits.CertificateAuthority) =>
                "It is a CA's own certificate, not a server's.",
            _ when from > now + ClockTolerance => $"It is valid only from {from:u}.",
            _ when until <= now => $"It has expired: {until:u}.",
            _ when until - from > longest =>
                $"It is valid for {(until - from).TotalDays:0} days, longer than any CA may.",
            _ when leaf.SerialNumber.Length is < FewestSerialDigits or > 40 =>
                $"Its serial {leaf.SerialNumber} is no CA's.",
            _ when !MayServe(leaf) => "It does not allow server authentication.",
            _ => null,
        };
    }

    private static bool HasOtherNames(X509Certificate2 leaf) => leaf.Extensions
        .OfType<X509SubjectAlternativeNameExtension>().Any(extension => extension.EnumerateIPAddresses().Any());

    private static bool MayServe(X509Certificate2 leaf) => leaf.Extensions.OfType<X509EnhancedKeyUsageExtension>()
        .Any(usage => usage.EnhancedKeyUsages.Cast<Oid>().Any(oid => oid.Value == ServerAuthentication));

    private string? ChainFault(List<X509Certificate2> certificates, X509Certificate2Collection? anchors)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.VerificationTime = time.GetUtcNow().UtcDateTime;
        chain.ChainPolicy.VerificationTimeIgnored = false;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // Nodes serve what we give them: what is missing here would be missing for every visitor.
        chain.ChainPolicy.DisableCertificateDownloads = true;
        foreach (var intermediate in certificates.Skip(1))
        {
            chain.ChainPolicy.ExtraStore.Add(intermediate);
        }

        if (anchors is not null)
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(anchors);
        }

        if (chain.Build(certificates[0]))
        {
            return null;
        }

        var problems = chain.ChainStatus.Select(status => status.Status)
            .Where(status => status != X509ChainStatusFlags.NoError);
        return $"Its chain does not build: {string.Join(", ", problems)}.";
    }

    private static ReadOnlySpan<byte> PublicKeyOf(byte[] csr) =>
        CertificateRequest.LoadSigningRequest(csr, HashAlgorithmName.SHA256).PublicKey.ExportSubjectPublicKeyInfo();
}
