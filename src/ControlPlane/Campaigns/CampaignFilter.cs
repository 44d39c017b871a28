using System.Text.Json.Serialization;
using ControlPlane.Domains;
using ControlPlane.Http;
using FluentValidation;

namespace ControlPlane.Campaigns;

/// <summary>Which certificates: those in use for which everything given holds. At least one must be given.</summary>
/// <param name="Serials">Serial numbers in hexadecimal, as CAs list them: colons, spaces, case and leading zeros do not
/// matter. At most 100,000.</param>
/// <param name="Issuer">The common name (CN) of the certificate that issued them.</param>
/// <param name="KeyAlgorithm">The domain's kind of key.</param>
/// <param name="ExposedToNode">A node, by id or name, to which the private key was ever released.</param>
/// <param name="ExpiresBefore">Ends before then.</param>
/// <param name="ExpiresAfter">Ends then or later.</param>
/// <param name="Tenant">Whose domains, by id or name.</param>
/// <param name="Hostnames">Names, at most 100,000.</param>
internal sealed record CampaignFilter(
    IReadOnlyList<string>? Serials = null,
    string? Issuer = null,
    KeyAlgorithm? KeyAlgorithm = null,
    string? ExposedToNode = null,
    DateTimeOffset? ExpiresBefore = null,
    DateTimeOffset? ExpiresAfter = null,
    string? Tenant = null,
    IReadOnlyList<string>? Hostnames = null)
{
    /// <summary>Of a list. A body of <see cref="Limits.MaxImportBytes"/> holds so many serial numbers.</summary>
    public const int MostListed = 100_000;

    [JsonIgnore]
    public bool IsEmpty => this == new CampaignFilter();

    /// <summary>As they are compared: upper case, without separators and leading zeros. Null for what is no serial
    /// number.</summary>
    public static string? Serial(string? given)
    {
        var bare = string.Concat((given ?? "").Where(c => c is not (':' or ' '))).ToUpperInvariant().TrimStart('0');
        // 20 octets at most (RFC 5280 §4.1.2.2).
        return bare.Length is > 0 and <= 40 && bare.All(char.IsAsciiHexDigit) ? bare : null;
    }

    internal sealed class Rules : AbstractValidator<CampaignFilter>
    {
        public Rules()
        {
            RuleFor(filter => filter.Serials)
                .Must(given => given is null || given.Count is > 0 and <= MostListed)
                .WithMessage($"serials must hold 1 to {MostListed:N0} serial numbers.")
                .Must(given => given is null || given.All(serial => Serial(serial) is not null))
                .WithMessage("serials must be hexadecimal numbers of at most 20 octets.");
            RuleFor(filter => filter.Hostnames)
                .Must(given => given is null || given.Count is > 0 and <= MostListed)
                .WithMessage($"hostnames must hold 1 to {MostListed:N0} names.")
                .Must(given => given is null || given.All(IsText))
                .WithMessage("hostnames must be names.");
            RuleFor(filter => filter.Issuer).Must(given => given is null || IsText(given))
                .WithMessage("issuer must be the common name of the issuing certificate, such as Example DV CA.");
            RuleFor(filter => filter.ExpiresBefore)
                .Must((filter, before) => before is null || !(filter.ExpiresAfter >= before))
                .WithMessage("expiresBefore must be later than expiresAfter.");
        }

        /// <summary>The database has no zero character.</summary>
        private static bool IsText(string? given) => given is { Length: > 0 and <= 256 } && !given.Contains('\0');
    }
}

/// <summary>What a campaign was asked for; lists by their length.</summary>
/// <param name="Serials">How many serial numbers were listed.</param>
/// <param name="Issuer">The common name of the issuing certificate.</param>
/// <param name="KeyAlgorithm">The domain's kind of key.</param>
/// <param name="ExposedToNode">The node's id.</param>
/// <param name="ExpiresBefore">Ends before then.</param>
/// <param name="ExpiresAfter">Ends then or later.</param>
/// <param name="Tenant">The tenant's id.</param>
/// <param name="Hostnames">How many names were listed.</param>
internal sealed record CampaignFilterView(
    int? Serials, string? Issuer, KeyAlgorithm? KeyAlgorithm, Guid? ExposedToNode, DateTimeOffset? ExpiresBefore,
    DateTimeOffset? ExpiresAfter, Guid? Tenant, int? Hostnames);
