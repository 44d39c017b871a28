using System.Text.Json;
using ControlPlane.CertificateAuthorities;
using FluentValidation;

namespace ControlPlane.Domains.Revoking;

/// <summary>What to revoke, and when.</summary>
/// <param name="Reason">As RFC 5280 §5.3.1 names it, one of those that CAs take from subscribers; it will stand in the
/// CA's list.</param>
/// <param name="When"><c>after-replacement</c>: the certificate is replaced, and revoked once its successor is proven
/// on every serving node. <c>now</c>: it is revoked at once and replaced as soon as can be. Left out: <c>now</c> for
/// <c>keyCompromise</c>, else <c>after-replacement</c>.</param>
/// <param name="Serial">Which certificate of the domain, hexadecimal; left out: the one that is served.</param>
internal sealed record RevokeRequest(string? Reason, string? When = null, string? Serial = null)
{
    public const string Now = "now";
    public const string AfterReplacement = "after-replacement";

    public static readonly IReadOnlyList<string> Moments = [AfterReplacement, Now];

    private static readonly IReadOnlyDictionary<string, RevocationReason> ByWord =
        Enum.GetValues<RevocationReason>().ToDictionary(
            reason => JsonNamingPolicy.CamelCase.ConvertName(reason.ToString()), StringComparer.Ordinal);

    public static IEnumerable<string> ReasonWords => ByWord.Keys;

    /// <summary>The reason asked for; the body was validated.</summary>
    public RevocationReason Why() => ByWord[Reason!];

    /// <summary>Whether it is not to wait for a replacement.</summary>
    public bool IsAtOnce() => (When ?? (Why() == RevocationReason.KeyCompromise ? Now : AfterReplacement)) == Now;

    internal sealed class Rules : AbstractValidator<RevokeRequest>
    {
        /// <summary>RFC 5280 §4.1.2.2: up to 20 octets; one more for a sign that some tools print.</summary>
        private const int LongestSerial = 42;

        public Rules()
        {
            RuleFor(body => body.Reason).Must(word => word is not null && ByWord.ContainsKey(word))
                .WithMessage($"reason must be one of {string.Join(", ", ReasonWords)}.");
            RuleFor(body => body.When).Must(word => word is null || Moments.Contains(word))
                .WithMessage($"when must be one of {string.Join(", ", Moments)}.");
            RuleFor(body => body.Serial)
                .Must(serial => serial is null
                    || (serial.Length is > 0 and <= LongestSerial && serial.All(char.IsAsciiHexDigit)))
                .WithMessage("serial must be hexadecimal, as GET /v1/domains/{id}/certificates shows it.");
        }
    }
}
