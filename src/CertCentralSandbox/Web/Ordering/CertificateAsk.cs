using System.Globalization;
using System.Text.RegularExpressions;
using CertCentralSandbox.Faults;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Validation;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>The <c>certificate</c> part of an order, reissue or duplicate, checked.</summary>
internal sealed partial record CertificateAsk(
    string CommonName, IReadOnlyList<string> Names, string Csr, int KeySize, string Hash, int Platform, int? Days)
{
    private static readonly string[] Hashes = ["sha256", "sha384", "sha512"];

    /// <summary>Reads and checks; exactly one of the results is not null. Codes are invented unless DigiCert documents
    /// them (csr_invalid_cannot_parse, invalid_wildcard_dcv_method, cert_validity_exceeds_order_validity).</summary>
    public static (CertificateAsk? Ask, ApiError? Error) Read(
        Form body, Product product, string method, DateTimeOffset now, DateTimeOffset orderEnds, FaultBoard faults)
    {
        if (body.Object("certificate") is not { } part || part.Text("common_name") is not { } rawName)
        {
            return (null, ApiError.Invalid("missing_common_name", "certificate.common_name is required."));
        }

        // The API does not read names out of the CSR, and a common name must be one of the SANs.
        var common = rawName.Trim().ToLowerInvariant();
        string[] names =
            [.. part.Texts("dns_names").Select(n => n.Trim().ToLowerInvariant()).Prepend(common).Distinct()];
        if (names.FirstOrDefault(n => !Hostname().IsMatch(n) || n.Length > 253) is not null || common.Length > 64)
        {
            return (null, ApiError.Invalid("invalid_dns_name", "A name is not a valid host name, or too long."));
        }

        var wildcards = names.Count(n => n.StartsWith('*'));
        if (wildcards > 0 && (!product.Wildcards || method == DcvMethod.Http))
        {
            return (null, ApiError.Invalid(
                "invalid_wildcard_dcv_method", "Wildcard names cannot be validated with this product and method."));
        }

        if (names.Select(n => n.StartsWith("www.", StringComparison.Ordinal) ? n[4..] : n).Distinct().Count()
            > product.MaxNames)
        {
            return (null, ApiError.Invalid("too_many_dns_names", $"The product takes {product.MaxNames} name(s)."));
        }

        if (part.Text("signature_hash") is not { } hash || !Hashes.Contains(hash))
        {
            return (null, ApiError.Invalid("invalid_signature_hash", "certificate.signature_hash must be a SHA-2."));
        }

        if (part.Text("csr") is not { } csr || Certification.Read(csr) is not { } key)
        {
            return (null, ApiError.Invalid("csr_invalid_cannot_parse", "The CSR could not be parsed."));
        }

        var validity = part.Object("cert_validity");
        var days = validity is null ? null : DaysOf(validity, now);
        if (days > (orderEnds - now).TotalDays + 1)
        {
            return (null, ApiError.Invalid(
                "cert_validity_exceeds_order_validity", "The certificate would outlive its order."));
        }

        if (days > LeafProfile.MaxDays && faults.Fires(Fault.ValidityRefused, names))
        {
            return (null, ApiError.Invalid("invalid_cert_validity", $"At most {LeafProfile.MaxDays} days."));
        }

        var platform = (int?)part.Object("server_platform")?.Number("id") ?? -1;
        return (new CertificateAsk(common, names, csr, key.Bits, hash, platform, days), null);
    }

    /// <summary>Days of a <c>{days|years|custom_expiration_date}</c> object, or null when it says nothing
    /// usable.</summary>
    public static int? DaysOf(Form validity, DateTimeOffset now)
    {
        if (validity.Number("days") is >= 1 and <= 1200 and { } days)
        {
            return (int)days;
        }

        if (validity.Number("years") is >= 1 and <= 3 and { } years)
        {
            return (int)(now.AddYears((int)years) - now).TotalDays;
        }

        return DateTimeOffset.TryParse(
                validity.Text("custom_expiration_date"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal,
                out var end)
            && end > now && end < now.AddYears(4)
            ? (int)Math.Ceiling((end - now).TotalDays)
            : null;
    }

    public OrderedCertificate ToCertificate(long id, string purpose, DateTimeOffset wallNow) => new()
    {
        Id = id,
        CommonName = CommonName,
        DnsNames = Names,
        CsrPem = Csr,
        SignatureHash = Hash,
        KeySize = KeySize,
        Purpose = purpose,
        DateCreated = wallNow,
        PlatformId = Platform,
        Days = Days,
    };

    // Letters, digits, hyphens inside; at least two labels; the last one starts with a letter, so an IP is no name.
    [GeneratedRegex(@"^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])\z",
        RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Hostname();
}
