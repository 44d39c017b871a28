using ControlPlane.Database;
using ControlPlane.Http.OpenApi;
using FluentValidation;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Http.Access;

/// <summary>Tenants and their portal keys, kept by admins.</summary>
internal static class Tenants
{
    public static void MapTenants(this WebApplication app)
    {
        var tenants = app.MapGroup("/v1/tenants").WithTags("Tenants").RequireAuthorization(AccessPolicy.Admin);
        tenants.MapPost("", CreateAsync).Validate<CreateTenant>().WithName("CreateTenant")
            .WithSummary("Create a tenant")
            .Documented(
                "A tenant is a customer-facing product or company; its domains are kept apart from all others'.",
                Problems.InvalidField, Problems.TenantExists)
            .Example(new CreateTenant("acme"), Examples.Tenant).Produces<TenantView>(StatusCodes.Status201Created);
        tenants.MapGet("", ListAsync).WithName("ListTenants").WithSummary("List tenants")
            .Documented("In order of creation.", Problems.InvalidField)
            .Example(null, new Page<TenantView>([Examples.Tenant], null)).Produces<Page<TenantView>>();
        tenants.MapKeys();
    }

    private static async Task<IResult> CreateAsync(CreateTenant body, ControlPlaneDb db, TimeProvider time)
    {
        var now = time.GetUtcNow().ToUniversalTime();
        var tenant = new Tenant { Id = Guid.CreateVersion7(now), Name = body.Name!, CreatedAt = now };
        db.Tenants.Add(tenant);
        try
        {
            await db.SaveChangesAsync(CancellationToken.None);
        }
        catch (DbUpdateException taken) when (taken.InnerException is PostgresException { SqlState: "23505" })
        {
            db.ChangeTracker.Clear();
            var present = await db.Tenants.SingleAsync(row => row.Name == body.Name, CancellationToken.None);
            return Problems.TenantExists.With() with { Existing = present.Id };
        }

        return TypedResults.Created($"/v1/tenants/{tenant.Id}", TenantView.Of(tenant));
    }

    private static async Task<IResult> ListAsync(
        ControlPlaneDb db, CancellationToken ct, Guid? cursor = null, int limit = Page<TenantView>.DefaultLimit)
    {
        if (Page<TenantView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var rows = await db.Tenants.AsNoTracking().Where(row => cursor == null || row.Id > cursor)
            .OrderBy(row => row.Id).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).Select(TenantView.Of).ToList();
        return TypedResults.Ok(new Page<TenantView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }
}

/// <summary>A tenant to create.</summary>
/// <param name="Name">1 to 63 of a-z, 0-9 and hyphen; the name operators register domains under.</param>
internal sealed record CreateTenant(string? Name)
{
    internal sealed class Rules : AbstractValidator<CreateTenant>
    {
        public Rules() => RuleFor(body => body.Name).NotEmpty().Matches("^[a-z0-9][a-z0-9-]{0,62}\\z")
            .WithMessage("name must be 1 to 63 of a-z, 0-9 and hyphen.");
    }
}

/// <summary>A tenant.</summary>
internal sealed record TenantView(Guid Id, string Name, DateTimeOffset CreatedAt)
{
    public static TenantView Of(Tenant tenant) => new(tenant.Id, tenant.Name, tenant.CreatedAt);
}
