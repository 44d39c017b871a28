using System.Globalization;
using System.Net;
using ControlPlane.Contracts;
using ControlPlane.Http;

namespace ControlPlane.Domains.Hostnames;

/// <summary>
/// Decides whether a name may be registered. Nothing is trimmed, lower-cased or converted: the customer's own records,
/// our answer and the certificate must say the same. A fault that has one certain remedy is answered with it.
/// </summary>
internal static class HostnameRules
{
    /// <summary>Null when the name may be registered.</summary>
    /// <param name="name">As sent.</param>
    /// <param name="fleet">What is ours, and which reserved endings are allowed here.</param>
    public static Problem? Refuse(string? name, FleetOptions fleet)
    {
        if (string.IsNullOrEmpty(name))
        {
            return HostnameProblems.Missing.With();
        }

        return RefuseSpelling(name) ?? RefuseLength(name) ?? Internationalized.Refuse(name)
            ?? RefuseOwner(name, fleet);
    }

    /// <summary>What is not a bare name at all, most telling fault first.</summary>
    private static Problem? RefuseSpelling(string name)
    {
        if (name.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)
            || char.GetUnicodeCategory(c) == UnicodeCategory.Format))
        {
            return HostnameProblems.Whitespace.With();
        }

        if (name.Contains("://") || name.Contains('/') || name.Contains('@'))
        {
            var host = Uri.TryCreate(name, UriKind.Absolute, out var uri) && IsRegistrable(uri.Host) ? uri.Host : null;
            return HostnameProblems.Url.With(fix: Suggest(host));
        }

        if (IPAddress.TryParse(name.Trim('[', ']'), out _))
        {
            return HostnameProblems.Address.With();
        }

        if (name.Split(':') is [var bare, var port] && port.All(char.IsAsciiDigit))
        {
            return HostnameProblems.Port.With(fix: Suggest(IsRegistrable(bare) ? bare : null));
        }

        if (!name.All(char.IsAscii))
        {
            return HostnameProblems.NotAscii.With(fix: Suggest(CertainALabels.Of(name)));
        }

        if (name.Contains('*'))
        {
            return HostnameProblems.Wildcard.With();
        }

        if (name.EndsWith('.') && HostnameSyntax.IsValid(name[..^1].ToLowerInvariant()))
        {
            return HostnameProblems.TrailingDot.With(fix: Suggest(name[..^1].ToLowerInvariant()));
        }

        if (name.Any(char.IsAsciiLetterUpper))
        {
            return HostnameProblems.UpperCase.With(fix: Suggest(
                IsRegistrable(name.ToLowerInvariant()) ? name.ToLowerInvariant() : null));
        }

        return name.Contains('_') ? HostnameProblems.Underscore.With() : null;
    }

    private static Problem? RefuseLength(string name)
    {
        if (name.Split('.').FirstOrDefault(label => label.Length > HostnameSyntax.MaxLabelLength) is { } label)
        {
            return HostnameProblems.LabelTooLong.With($"A label has {label.Length} characters.");
        }

        if (name.Length > HostnameSyntax.MaxLength)
        {
            return HostnameProblems.TooLong.With($"The name has {name.Length} characters.");
        }

        if (!name.Contains('.'))
        {
            return HostnameProblems.SingleLabel.With();
        }

        return HostnameSyntax.IsValid(name) ? null : HostnameProblems.Malformed.With();
    }

    private static Problem? RefuseOwner(string name, FleetOptions fleet)
    {
        if (SpecialUseNames.EndingOf(name, fleet.AllowedSpecialUseNames) is { } ending)
        {
            return HostnameProblems.SpecialUse.With($"Names under {ending} are not in the public DNS.");
        }

        if (PublicSuffixes.Contains(name))
        {
            return HostnameProblems.PublicSuffix.With($"{name} is a public suffix.");
        }

        var ours = fleet.OwnNames.Select(Plain);
        return ours.Any(own => IsWithin(name, own)) ? HostnameProblems.Ours.With()
            : RefuseTarget(name, fleet.CnameTarget);
    }

    /// <summary>Names of ours by a fleet's target: they and all below its registrable domain are never taken.</summary>
    /// <param name="name">The name to register.</param>
    /// <param name="target">The fleet's; none refuses nothing.</param>
    public static Problem? RefuseTarget(string name, string? target) =>
        target is { Length: > 0 } && IsWithin(name, OwnDomain(target)) ? HostnameProblems.Ours.With() : null;

    private static string Plain(string name) => name.TrimEnd('.').ToLowerInvariant();

    private static bool IsWithin(string name, string domain) =>
        name == domain || name.EndsWith("." + domain, StringComparison.Ordinal);

    /// <summary>The registrable domain above the fleet's target: edge.controlplane.example →
    /// controlplane.example.</summary>
    private static string OwnDomain(string target)
    {
        var name = Plain(target);
        while (!PublicSuffixes.IsApex(name) && name.Contains('.'))
        {
            name = name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];
        }

        return name;
    }

    private static bool IsRegistrable(string name) => HostnameSyntax.IsValid(name) && !PublicSuffixes.Contains(name)
        && Internationalized.Refuse(name) is null;

    private static string? Suggest(string? name) => name is null ? null : $"Send {name}";
}
