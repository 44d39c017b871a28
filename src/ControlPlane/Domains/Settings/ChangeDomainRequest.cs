using System.Text.Json.Serialization;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Contracts;
using FluentValidation;

namespace ControlPlane.Domains.Settings;

/// <summary>What to change. What is left out stays; <c>null</c> is told apart from it.</summary>
internal sealed class ChangeDomainRequest
{
    /// <summary>Entries to set; <c>null</c> as a value takes one away, <c>null</c> for the whole takes all.</summary>
    public IReadOnlyDictionary<string, string?>? Metadata
    {
        get;
        init
        {
            field = value;
            GivesMetadata = true;
        }
    }

    /// <summary>What of TLS to change; <c>null</c> puts all of it back to the defaults.</summary>
    public TlsChange? Tls
    {
        get;
        init
        {
            field = value;
            GivesTls = true;
        }
    }

    /// <summary>The CA its next certificate is to come from, by its name in the operator's settings; <c>null</c>: its
    /// tenant's, or the configured one.</summary>
    public string? CertificateAuthority
    {
        get;
        init
        {
            field = value;
            GivesCertificateAuthority = true;
        }
    }

    [JsonIgnore]
    public bool GivesMetadata { get; private init; }

    [JsonIgnore]
    public bool GivesCertificateAuthority { get; private init; }

    [JsonIgnore]
    public bool GivesTls { get; private init; }

    /// <summary>A domain's metadata with this change.</summary>
    public IReadOnlyDictionary<string, string> Merge(IReadOnlyDictionary<string, string> present)
    {
        if (!GivesMetadata || Metadata is null)
        {
            return GivesMetadata ? Settings.Metadata.None : present;
        }

        return Settings.Metadata.Of(present.Where(entry => !Metadata.ContainsKey(entry.Key))
            .Concat(Metadata.Where(entry => entry.Value is not null)
                .Select(entry => KeyValuePair.Create(entry.Key, entry.Value!))));
    }

    /// <summary>A domain's lowest TLS with this change.</summary>
    public string Merge(string present) =>
        !GivesTls || Tls is { GivesMinimumVersion: false } ? present : Tls?.MinimumVersion ?? TlsVersions.Default;

    internal sealed class Rules : AbstractValidator<ChangeDomainRequest>
    {
        public Rules(Authorities authorities)
        {
            RuleFor(body => body.Metadata).Must(entries => entries is null
                    || (entries.Count <= 2 * Settings.Metadata.MostEntries
                        && entries.All(entry => Settings.Metadata.IsEntry(entry.Key, entry.Value ?? ""))))
                .WithMessage(Settings.Metadata.Rule);
            RuleFor(body => body.Tls).Must(tls => TlsChange.IsVersion(tls?.MinimumVersion))
                .WithMessage(TlsChange.Rule).OverridePropertyName("tls.minimumVersion");
            RuleFor(body => body.CertificateAuthority).Must(authorities.IsChoice)
                .WithMessage(authorities.Rule);
        }
    }
}

/// <summary>How nodes speak TLS for one domain: what to set.</summary>
internal sealed class TlsChange
{
    public static readonly string Rule =
        $"tls.minimumVersion must be one of {string.Join(", ", TlsVersions.All)}.";

    /// <summary>The lowest version in which nodes answer: <c>1.2</c> (default) or <c>1.3</c>.</summary>
    public string? MinimumVersion
    {
        get;
        init
        {
            field = value;
            GivesMinimumVersion = true;
        }
    }

    [JsonIgnore]
    public bool GivesMinimumVersion { get; private init; }

    public static bool IsVersion(string? version) => version is null || TlsVersions.All.Contains(version);
}

/// <summary>How nodes speak TLS for one domain.</summary>
/// <param name="MinimumVersion">The lowest version in which they answer.</param>
internal sealed record TlsView(string MinimumVersion);
