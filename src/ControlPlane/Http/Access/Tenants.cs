using ControlPlane.Database;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes.Fleets;
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
                "A tenant is a customer-facing product or company; its domains are kept apart from all others'. Its "
                + "name is for ever. With `fleet`, its domains go there when a registration does not say.",
                Problems.InvalidField, Problems.FleetUnknown, Problems.TenantExists)
            .Example(new CreateTenant("acme", "local"), Examples.Tenant)
            .Produces<TenantView>(StatusCodes.Status201Created);
        tenants.MapGet("", ListAsync).WithName("ListTenants").WithSummary("List tenants")
            .Documented("In order of creation.", Problems.InvalidField)
            .Example(null, new Page<TenantView>([Examples.Tenant], null)).Produces<Page<TenantView>>();
        tenants.MapGet("{tenant}", ReadAsync).WithName("ReadTenant").WithSummary("Read a tenant")
            .Documented("By id or by name.", Problems.NotFound)
            .Example(null, Examples.Tenant).Produces<TenantView>();
        tenants.MapPost("{tenant}/disable", DisableAsync).WithName("DisableTenant").WithSummary("Disable a tenant")
            .Documented(
                "All its keys are refused with 403 from the next request on. Its domains go on being served and "
                + "renewed, because their visitors did nothing; support and admins still see them. Disabling twice "
                + "changes nothing.",
                Problems.NotFound)
            .Example(null, Examples.Tenant with { DisabledAt = Examples.At }).Produces<TenantView>();
        tenants.MapPost("{tenant}/enable", EnableAsync).WithName("EnableTenant").WithSummary("Enable a tenant")
            .Documented("Its keys work again, but for those that were revoked or have expired.", Problems.NotFound)
            .Example(null, Examples.Tenant).Produces<TenantView>();
        tenants.MapPut("{tenant}/fleet", ChangeFleetAsync).WithName("ChangeTenantFleet")
            .WithSummary("Choose the fleet of a tenant's new domains")
            .Documented(
                "By id or name; without `fleet` it is the configured one again. Domains that are there stay where "
                + "they are: a domain does not move between fleets.",
                Problems.NotFound, Problems.FleetUnknown)
            .Example(new ChangeTenantFleet("local"), Examples.Tenant).Produces<TenantView>();
        tenants.MapPut("{tenant}/certificate-authority", ChangeAuthorityAsync).Validate<ChangeTenantAuthority>()
            .WithName("ChangeTenantAuthority").WithSummary("Choose the CA of a tenant's domains")
            .Documented(
                "By its name in the settings; without `certificateAuthority` it is the configured one again. A domain "
                + "that names one itself keeps it. What is ordered already stays where it is, and what is served is "
                + "served on: the next order goes there.",
                Problems.InvalidField, Problems.NotFound)
            .Example(new ChangeTenantAuthority("letsencrypt"), Examples.Tenant).Produces<TenantView>();
        tenants.MapKeys();
    }

    private static async Task<IResult> CreateAsync(CreateTenant body, ControlPlaneDb db, TimeProvider time)
    {
        var fleet = body.Fleet is null ? null : await FleetReference.FindAsync(db, body.Fleet, CancellationToken.None);
        if (body.Fleet is not null && fleet is null)
        {
            return Problems.FleetUnknown.With($"There is no fleet {body.Fleet}.");
        }

        var now = time.NowStored();
        var tenant = new Tenant
        {
            Id = Guid.CreateVersion7(now),
            Name = body.Name!,
            FleetId = fleet?.Id,
            CertificateAuthority = body.CertificateAuthority,
            CreatedAt = now,
        };
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

        return TypedResults.Created(
            $"/v1/tenants/{tenant.Id}", await TenantView.OfAsync(db, tenant, CancellationToken.None));
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
        var items = await TenantView.OfAsync(db, rows.Take(limit).ToList(), ct);
        return TypedResults.Ok(new Page<TenantView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    private static async Task<IResult> ReadAsync(string tenant, ControlPlaneDb db, CancellationToken ct) =>
        await TenantReference.FindAsync(db, tenant, ct) is { } found
            ? TypedResults.Ok(await TenantView.OfAsync(db, found, ct))
            : Problems.NotFound.With("There is no such tenant.");

    private static Task<IResult> DisableAsync(string tenant, ControlPlaneDb db, TimeProvider time) =>
        ChangeAsync(tenant, db, row => row.DisabledAt ??= time.NowStored());

    private static Task<IResult> EnableAsync(string tenant, ControlPlaneDb db) =>
        ChangeAsync(tenant, db, row => row.DisabledAt = null);

    private static async Task<IResult> ChangeFleetAsync(string tenant, ChangeTenantFleet body, ControlPlaneDb db)
    {
        var fleet = body.Fleet is null ? null : await FleetReference.FindAsync(db, body.Fleet, CancellationToken.None);
        return body.Fleet is not null && fleet is null
            ? Problems.FleetUnknown.With($"There is no fleet {body.Fleet}.")
            : await ChangeAsync(tenant, db, row => row.FleetId = fleet?.Id);
    }

    private static Task<IResult> ChangeAuthorityAsync(string tenant, ChangeTenantAuthority body, ControlPlaneDb db) =>
        ChangeAsync(tenant, db, row => row.CertificateAuthority = body.CertificateAuthority);

    private static async Task<IResult> ChangeAsync(string tenant, ControlPlaneDb db, Action<Tenant> change)
    {
        if (await TenantReference.FindAsync(db, tenant, CancellationToken.None) is not { } row)
        {
            return Problems.NotFound.With("There is no such tenant.");
        }

        change(row);
        await db.SaveChangesAsync(CancellationToken.None);
        return TypedResults.Ok(await TenantView.OfAsync(db, row, CancellationToken.None));
    }
}
