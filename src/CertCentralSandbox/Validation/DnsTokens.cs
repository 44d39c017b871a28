using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Validation;

/// <summary>The documented names of validation methods.</summary>
internal static class DcvMethod
{
    public const string Http = "http-token";
    public const string DnsTxt = "dns-txt-token";
    public const string DnsCname = "dns-cname-token";
    public const string Email = "email";

    public static readonly IReadOnlyList<string> All = [Email, DnsTxt, DnsCname, Http];

    public static bool HasRandomValue(string method) => method != Email;
}

/// <summary>
/// The DNS methods: TXT at the domain holds the value, or <c>_value.domain</c> is a CNAME to dcv.digicert.com. (A value
/// without that underscore passed from 2019 to 2024 and cost 83,267 certificates.) Asked once: there is one DNS server.
/// </summary>
internal sealed class DnsTokens(DnsLookup dns)
{
    private const string CnameTarget = "dcv.digicert.com";

    public async Task<bool> SeenAsync(string name, ControlValidation validation, CancellationToken cancellation)
    {
        var domain = name.StartsWith("*.", StringComparison.Ordinal) ? name[2..] : name;
        try
        {
            return validation.Method == DcvMethod.DnsTxt
                ? (await dns.TextsAsync(domain, cancellation)).Any(t => t.Trim() == validation.RandomValue)
                : (await dns.AliasesAsync($"_{validation.RandomValue}.{domain}", cancellation))
                    .Any(t => t.TrimEnd('.').Equals(CnameTarget, StringComparison.OrdinalIgnoreCase));
        }
        catch (IOException)
        {
            return false; // could not ask: the name stays open, and the polling asks again
        }
    }
}
