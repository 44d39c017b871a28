using ControlPlane.Domains.Settings;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Nodes;

namespace ControlPlane.Domains.Registering;

/// <summary>How a registration ended.</summary>
internal abstract record RegistrationOutcome
{
    /// <summary>The name is on its way.</summary>
    internal sealed record Registered(Domain Domain) : RegistrationOutcome;

    /// <summary>The tenant has the name; nothing was changed.</summary>
    /// <param name="Domain">What is there.</param>
    /// <param name="Fleet">Where the name would have gone.</param>
    /// <param name="WasAdopted">It was registered to be adopted; not looked at where that is not asked for.</param>
    internal sealed record AlreadyYours(Domain Domain, Fleet Fleet, bool WasAdopted) : RegistrationOutcome
    {
        /// <summary>Where what is there is not what was asked for, in words; what was not said does not
        /// differ.</summary>
        public IReadOnlyList<string> Differences(RegisterDomainRequest body)
        {
            var differences = new List<string>();
            if (body.KeyAlgorithm is { } word && body.Algorithm != Domain.KeyAlgorithm)
            {
                differences.Add($"keyAlgorithm is not {word}");
            }

            if (body.Fleet is { } fleet && Fleet.Id != Domain.FleetId)
            {
                differences.Add($"fleet is not {fleet}");
            }

            if (body.Metadata is { } metadata && Metadata.Write(metadata) != Metadata.Write(Domain.Metadata))
            {
                differences.Add("metadata are others");
            }

            if (body.Tls?.MinimumVersion is { } version && version != Domain.TlsMinimum)
            {
                differences.Add($"tls.minimumVersion is not {version}");
            }

            if (body.Adopt && !WasAdopted)
            {
                differences.Add("registered without adopt: a certificate is bought for it");
            }

            return differences;
        }
    }

    /// <summary>The name was not taken; nothing was changed.</summary>
    internal sealed record Refused(Problem Problem) : RegistrationOutcome;
}

/// <summary>Who brings a name.</summary>
/// <param name="Role">What the key may do.</param>
/// <param name="TenantId">Set for a portal only.</param>
/// <param name="InBulk">With a file of names: those who bring one go first.</param>
internal sealed record Registrant(ApiRole Role, Guid? TenantId, bool InBulk = false)
{
    public static Registrant Of(Caller caller) => new(caller.Role, caller.TenantId);
}
