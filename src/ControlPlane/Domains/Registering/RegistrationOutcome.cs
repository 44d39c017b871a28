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
    internal sealed record AlreadyYours(Domain Domain, Fleet Fleet) : RegistrationOutcome;

    /// <summary>The name was not taken; nothing was changed.</summary>
    internal sealed record Refused(Problem Problem) : RegistrationOutcome;
}

/// <summary>Who brings a name.</summary>
/// <param name="Role">What the key may do.</param>
/// <param name="TenantId">Set for a portal only.</param>
internal sealed record Registrant(ApiRole Role, Guid? TenantId)
{
    public static Registrant Of(Caller caller) => new(caller.Role, caller.TenantId);
}
