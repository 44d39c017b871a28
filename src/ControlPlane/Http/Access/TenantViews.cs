using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using FluentValidation;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Http.Access;

/// <summary>How a tenant is named by callers: by its id or by its name, wherever it is named.</summary>
internal static class TenantReference
{
    /// <summary>Null when there is none of that id or name.</summary>
    public static async Task<Tenant?> FindAsync(ControlPlaneDb db, string reference, CancellationToken ct)
    {
        if (IdOrName.IsId(reference, out var id))
        {
            return await db.Tenants.SingleOrDefaultAsync(row => row.Id == id, ct);
        }

        return IdOrName.IsName(reference)
            ? await db.Tenants.SingleOrDefaultAsync(row => row.Name == reference, ct)
            : null;
    }
}

/// <summary>A tenant to create.</summary>
/// <param name="Name">1 to 63 of a-z, 0-9 and hyphen, not in the form of an id. It is for ever: other systems'
/// settings hold it.</param>
/// <param name="Fleet">Where its domains go when nobody says, by id or name; the configured fleet when left
/// out.</param>
/// <param name="CertificateAuthority">The CA of its domains that name none; the configured one when left out.</param>
internal sealed record CreateTenant(string? Name, string? Fleet = null, string? CertificateAuthority = null)
{
    internal sealed class Rules : AbstractValidator<CreateTenant>
    {
        public Rules(Authorities authorities)
        {
            RuleFor(body => body.Name)
                .Must(name => name is not null && IdOrName.IsName(name))
                .WithMessage("name must be 1 to 63 of a-z, 0-9 and hyphen, and not look like an id.");
            RuleFor(body => body.CertificateAuthority).Must(authorities.IsChoice)
                .WithMessage(authorities.Rule);
        }
    }
}

/// <summary>Where a tenant's new domains go.</summary>
/// <param name="Fleet">By id or name; null or left out: the configured fleet.</param>
internal sealed record ChangeTenantFleet(string? Fleet = null);

/// <summary>Where the next certificates of a tenant's domains come from.</summary>
/// <param name="CertificateAuthority">A CA's name in the settings; null or left out: the configured one.</param>
internal sealed record ChangeTenantAuthority(string? CertificateAuthority = null)
{
    internal sealed class Rules : AbstractValidator<ChangeTenantAuthority>
    {
        public Rules(Authorities authorities) => RuleFor(body => body.CertificateAuthority).Must(authorities.IsChoice)
            .WithMessage(authorities.Rule);
    }
}

/// <summary>A tenant.</summary>
/// <param name="Id">Names it in paths and bodies, as <paramref name="Name"/> does.</param>
/// <param name="Name">Never changes.</param>
/// <param name="Fleet">Where its domains go when nobody says: the fleet's name; null: the configured one.</param>
/// <param name="CertificateAuthority">The CA of its domains that name none; null: the configured one.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="DisabledAt">Since when its keys are refused; null while they are not.</param>
internal sealed record TenantView(
    Guid Id, string Name, string? Fleet, string? CertificateAuthority, DateTimeOffset CreatedAt,
    DateTimeOffset? DisabledAt)
{
    public static async Task<TenantView> OfAsync(ControlPlaneDb db, Tenant tenant, CancellationToken ct) =>
        (await OfAsync(db, [tenant], ct))[0];

    public static async Task<IReadOnlyList<TenantView>> OfAsync(
        ControlPlaneDb db, IReadOnlyList<Tenant> tenants, CancellationToken ct)
    {
        var ids = tenants.Select(tenant => tenant.FleetId).OfType<Guid>().Distinct().ToList();
        var names = ids.Count == 0
            ? []
            : await db.Fleets.Where(fleet => ids.Contains(fleet.Id))
                .ToDictionaryAsync(fleet => fleet.Id, fleet => fleet.Name, ct);
        return
        [
            .. tenants.Select(tenant => new TenantView(
                tenant.Id, tenant.Name, tenant.FleetId is { } fleet ? names[fleet] : null, tenant.CertificateAuthority,
                tenant.CreatedAt, tenant.DisabledAt)),
        ];
    }
}
