using System.Text.RegularExpressions;
using ControlPlane.Dns;

namespace ControlPlane.Domains.Preflight;

/// <summary>What a set of CAA records says of a CA.</summary>
/// <param name="Permits">Whether it may issue.</param>
/// <param name="Why">Which record decides, as a zone file shows it.</param>
/// <param name="Critical">The record nobody understands and nobody may pass over; null when there is none.</param>
/// <param name="Narrowed">It may issue under a condition of the record's: for an account, or by a method.</param>
internal sealed record CaaVerdict(bool Permits, string Why, CaaRecord? Critical = null, bool Narrowed = false);

/// <summary>RFC 8659 §4, applied to the relevant set of a name. Pure.</summary>
internal static partial class CaaPolicy
{
    private const byte CriticalFlag = 128;

    /// <summary>Properties that exist (IANA's registry): the critical flag matters for all others.</summary>
    private static readonly string[] Known =
        ["issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"];

    /// <summary>Parameters that bind the CA beyond its name (RFC 8657).</summary>
    private static readonly string[] Conditions = ["accounturi", "validationmethods"];

    /// <param name="set">All CAA records at one name; not empty.</param>
    /// <param name="identities">Issuer domain names of the CA.</param>
    /// <param name="wildcard">Whether the certificate is to cover a wildcard.</param>
    public static CaaVerdict Judge(IReadOnlyList<CaaRecord> set, IReadOnlyList<string> identities, bool wildcard)
    {
        if (set.FirstOrDefault(record => (record.Flags & CriticalFlag) != 0 && !Known.Any(record.Is)) is { } critical)
        {
            return new CaaVerdict(false, $"{Show(critical)} is critical, and no CA knows that property.", critical);
        }

        // issuewild is for wildcards alone and, where it is there, decides alone for them (§4.3).
        var wild = set.Where(record => wildcard && record.Is("issuewild")).ToList();
        var deciding = wild.Count > 0 ? wild : [.. set.Where(record => record.Is("issue"))];
        if (deciding.Count == 0)
        {
            return new CaaVerdict(true, "No record restricts who may issue.");
        }

        var ours = deciding.Select(record => (Record: record, Issuer: Issuer.Parse(record.Value)))
            .Where(pair => identities.Contains(pair.Issuer.Name, DnsName.Comparer)).ToList();
        return ours.Count == 0
            ? new CaaVerdict(false, string.Join(", ", deciding.Take(5).Select(Show)) + " allows others only.")
            : new CaaVerdict(
                true, Show(ours[0].Record),
                Narrowed: ours.All(pair => pair.Issuer.Parameters.Any(
                    name => Conditions.Contains(name, StringComparer.OrdinalIgnoreCase))));
    }

    /// <summary>A record's value as a zone file shows it, and as it is typed in.</summary>
    public static string Show(CaaRecord record)
    {
        var value = record.Value.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal);
        return $"{record.Flags} {record.Tag} \"{value}\"";
    }

    private static bool Is(this CaaRecord record, string tag) =>
        record.Tag.Equals(tag, StringComparison.OrdinalIgnoreCase);

    /// <summary>The value of an issue property (§4.2).</summary>
    /// <param name="Name">The issuer's domain name; empty: nobody. What the grammar does not allow counts as
    /// that.</param>
    /// <param name="Parameters">Names of its parameters.</param>
    private sealed partial record Issuer(string Name, IReadOnlyList<string> Parameters)
    {
        public static Issuer Parse(string value)
        {
            var parts = value.Split(';').Select(part => part.Trim(' ', '\t')).ToList();
            var parameters = parts.Skip(1).Where(part => part.Length > 0).Select(part => Parameter().Match(part))
                .ToList();
            return Domain().IsMatch(parts[0]) && parameters.All(match => match.Success)
                ? new Issuer(parts[0], [.. parameters.Select(match => match.Groups["name"].Value)])
                : new Issuer("", []);
        }

        [GeneratedRegex(
            "^[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
        private static partial Regex Domain();

        [GeneratedRegex(
            "^(?<name>[A-Za-z0-9-]+)[ \\t]*=[ \\t]*[!-:<-~]*$",
            RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
        private static partial Regex Parameter();
    }
}
