using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts;

namespace SyncAgent.Adopting;

/// <summary>What one file of the directory is, as far as the node can tell by itself. Holds no key.</summary>
/// <param name="FileName">Its name.</param>
/// <param name="Hostname">The one name it serves; null when it cannot be adopted.</param>
/// <param name="Fingerprint">SHA-256 of its leaf; null when it has none.</param>
/// <param name="NotAfter">End of its leaf; null when it has none.</param>
/// <param name="Outcome">One of <see cref="OldFileOutcomes"/>, or, once the control plane was asked, of
/// <see cref="AdoptionOutcomes"/>; null before that.</param>
/// <param name="Detail">A sentence for a person.</param>
internal sealed record OldFile(
    string FileName, string? Hostname, string? Fingerprint, DateTimeOffset? NotAfter, string? Outcome, string? Detail)
{
    /// <summary>Nothing speaks against it, and the control plane is to be asked.</summary>
    public bool IsCandidate => Hostname is not null && Outcome is null or AdoptionOutcomes.WouldAdopt
        or AdoptionOutcomes.Adopting or AdoptionOutcomes.Adopted or AdoptionOutcomes.Refused
        or AdoptionOutcomes.NotRegistered or AdoptionOutcomes.NotAwaited or AdoptionOutcomes.OtherBundle;

    /// <summary>Adoptable, adopted, or nothing to do with it.</summary>
    public bool IsWell => Outcome is AdoptionOutcomes.WouldAdopt or AdoptionOutcomes.Adopting
        or AdoptionOutcomes.Adopted or OldFileOutcomes.Duplicate;
}

/// <summary>Why a file cannot be adopted, by what the node sees.</summary>
internal static class OldFileOutcomes
{
    public const string Unreadable = "unreadable";
    public const string NoKey = "no-key";
    public const string KeyMismatch = "key-mismatch";
    public const string Expired = "expired";
    public const string NotYetValid = "not-yet-valid";
    public const string SeveralNames = "several-names";
    public const string Wildcard = "wildcard";
    public const string BadName = "bad-name";
    public const string ForeignCa = "foreign-ca";

    /// <summary>Another file has the same name and is the one to adopt.</summary>
    public const string Duplicate = "duplicate";
}

/// <summary>Reads a directory by HAProxy's rules: every regular file but dot-files and companions.</summary>
/// <param name="roots">Trusted beside the system's.</param>
/// <param name="time">Judges dates.</param>
internal sealed class OldDirectory(X509Certificate2Collection roots, TimeProvider time)
{
    /// <summary>What HAProxy reads beside a file and not by itself.</summary>
    public static readonly IReadOnlyList<string> Companions = [".key", ".issuer", ".ocsp", ".sctl"];

    /// <summary>The paths that HAProxy would load, in the order of their names.</summary>
    public static IEnumerable<string> Paths(string directory) => Directory.EnumerateFiles(directory)
        .Where(path => !Path.GetFileName(path).StartsWith('.')
            && !Companions.Any(end => path.EndsWith(end, StringComparison.Ordinal)))
        .Order(StringComparer.Ordinal);

    /// <exception cref="IOException">The directory cannot be listed.</exception>
    public IReadOnlyList<OldFile> Read(string directory)
    {
        var files = Paths(directory).Select(Look).ToList();
        // Of several files for one name the one that ends last is meant.
        var chosen = files.Where(file => file.IsCandidate).GroupBy(file => file.Hostname!).ToDictionary(
            alike => alike.Key, alike => alike.MaxBy(file => file.NotAfter)!, StringComparer.Ordinal);
        return [.. files.Select(file => file.IsCandidate && chosen[file.Hostname!] != file
            ? file with
            {
                Outcome = OldFileOutcomes.Duplicate,
                Detail = $"{chosen[file.Hostname!].FileName} has the same name and ends later.",
            }
            : file)];
    }

    private OldFile Look(string path)
    {
        var fileName = Path.GetFileName(path);
        try
        {
            using var bundle = OldBundle.Read(path);
            var (outcome, detail) = Judge(bundle);
            return new OldFile(
                fileName, outcome is null ? bundle.Names[0] : null, bundle.Fingerprint,
                new DateTimeOffset(bundle.Leaf.NotAfter.ToUniversalTime()), outcome, detail);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return new OldFile(fileName, null, null, null, OldFileOutcomes.Unreadable, failure.Message);
        }
    }

    private (string? Outcome, string? Detail) Judge(OldBundle bundle)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var leaf = bundle.Leaf;
        return bundle switch
        {
            { HasKey: false } => (OldFileOutcomes.NoKey, "There is no private key in it or beside it."),
            { HasKeyOfLeaf: false } => (OldFileOutcomes.KeyMismatch, "The private key is not the leaf's."),
            _ when leaf.NotAfter.ToUniversalTime() <= now => (
                OldFileOutcomes.Expired, $"It ended on {leaf.NotAfter.ToUniversalTime():yyyy-MM-dd}."),
            _ when leaf.NotBefore.ToUniversalTime() > now => (
                OldFileOutcomes.NotYetValid, $"It begins on {leaf.NotBefore.ToUniversalTime():yyyy-MM-dd}."),
            { Names: [['*', ..], ..] } or { Names: [_, ['*', ..], ..] } => (
                OldFileOutcomes.Wildcard,
                "Wildcards are not served here: register each name, and it gets a certificate of its own."),
            { Names.Count: > 1 } => (
                OldFileOutcomes.SeveralNames,
                $"It is for {string.Join(", ", bundle.Names)}. Bundles are for one name each: register the names "
                + "without adopt, and the file is set aside once all of them are proven."),
            { Names: [] } => (OldFileOutcomes.BadName, "It names no host."),
            _ when !HostnameSyntax.IsValid(bundle.Names[0]) => (
                OldFileOutcomes.BadName, $"{bundle.Names[0]} is no name that can be registered."),
            _ when !LeadsToARoot(bundle) => (
                OldFileOutcomes.ForeignCa, "Its chain leads to no trusted root; --trust names further ones."),
            _ => (null, null),
        };
    }

    private bool LeadsToARoot(OldBundle bundle) =>
        Builds(bundle, X509ChainTrustMode.CustomRootTrust) || Builds(bundle, X509ChainTrustMode.System);

    private bool Builds(OldBundle bundle, X509ChainTrustMode trust)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = trust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // What the file holds, and nothing a download could add: visitors get no more.
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = time.GetUtcNow().UtcDateTime;
        chain.ChainPolicy.VerificationTimeIgnored = false;
        if (trust == X509ChainTrustMode.CustomRootTrust)
        {
            chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        }

        foreach (var issuer in bundle.Chain)
        {
            chain.ChainPolicy.ExtraStore.Add(X509CertificateLoader.LoadCertificate(issuer));
        }

        return chain.Build(bundle.Leaf);
    }
}
