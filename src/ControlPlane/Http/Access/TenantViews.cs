using System.Text.RegularExpressions;
using ControlPlane.Database;
using FluentValidation;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Http.Access;

/// <summary>How a tenant is named by callers: by its id or by its name, wherever it is named, in paths and in bodies.
/// No name looks like an id, so that the two cannot be confused.</summary>
internal static partial class TenantReference
{
    /// <summary>Null when there is none of that id or name.</summary>
    public static async Task<Tenant?> FindAsync(ControlPlaneDb db, string reference, CancellationToken ct)
    {
        if (IsId(reference, out var id))
        {
            return await db.Tenants.SingleOrDefaultAsync(row => row.Id == id, ct);
        }

        return IsName(reference) ? await db.Tenants.SingleOrDefaultAsync(row => row.Name == reference, ct) : null;
    }

    public static bool IsName(string text) => Name().IsMatch(text) && !IsId(text, out _);

    private static bool IsId(string text, out Guid id) => Guid.TryParseExact(text, "D", out id);

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,62}\z", RegexOptions.NonBacktracking)]
    private static partial Regex Name();
}

/// <summary>A tenant to create.</summary>
/// <param name="Name">1 to 63 of a-z, 0-9 and hyphen, not in the form of an id. It is for ever: other systems'
/// settings hold it.</param>
internal sealed record CreateTenant(string? Name)
{
    internal sealed class Rules : AbstractValidator<CreateTenant>
    {
        public Rules() => RuleFor(body => body.Name)
            .Must(name => name is not null && TenantReference.IsName(name))
            .WithMessage("name must be 1 to 63 of a-z, 0-9 and hyphen, and not look like an id.");
    }
}

/// <summary>A tenant.</summary>
/// <param name="Id">Names it in paths and bodies, as <paramref name="Name"/> does.</param>
/// <param name="Name">Never changes.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="DisabledAt">Since when its keys are refused; null while they are not.</param>
internal sealed record TenantView(Guid Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? DisabledAt)
{
    public static TenantView Of(Tenant tenant) => new(tenant.Id, tenant.Name, tenant.CreatedAt, tenant.DisabledAt);
}
