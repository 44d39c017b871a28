using ControlPlane.Database;
using ControlPlane.Http.OpenApi;
using FluentValidation;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Http.Access;

/// <summary>A tenant's portal keys. Operators' keys are made on the command line only: no key makes a more powerful
/// one.</summary>
internal static class Keys
{
    public static void MapKeys(this RouteGroupBuilder tenants)
    {
        tenants.MapPost("{tenant:guid}/keys", CreateAsync).Validate<CreateKey>()
            .WithName("CreateKey").WithSummary("Create a portal key for a tenant")
            .Documented("The key is in this answer and nowhere else: only its SHA-256 is kept.",
                Problems.InvalidField, Problems.NotFound)
            .Example(new CreateKey("shop-portal"), new CreatedKey(Examples.Key, "cp_portal_…43 characters…"))
            .Produces<CreatedKey>(StatusCodes.Status201Created);
        tenants.MapGet("{tenant:guid}/keys", ListAsync).WithName("ListKeys").WithSummary("List a tenant's keys")
            .Documented("Revoked keys are listed too, in order of creation.", Problems.NotFound)
            .Example(null, new Page<KeyView>([Examples.Key], null)).Produces<Page<KeyView>>();
        tenants.MapDelete("{tenant:guid}/keys/{key:guid}", RevokeAsync).WithName("RevokeKey")
            .WithSummary("Revoke a key")
            .Documented(
                "The key is refused from the next request on. Revoking twice changes nothing.", Problems.NotFound)
            .Example(null, Examples.Key with { RevokedAt = Examples.At }).Produces<KeyView>();
    }

    /// <summary>Makes a key and returns it with its secret, which is not kept.</summary>
    public static async Task<(ApiKey Key, ApiKeySecret Secret)> AddAsync(
        ControlPlaneDb db, ApiRole role, Guid? tenant, string name, DateTimeOffset now)
    {
        var secret = ApiKeySecret.Create(role);
        var key = new ApiKey
        {
            Id = Guid.CreateVersion7(now),
            TenantId = tenant,
            Role = role,
            Name = name,
            SecretHash = secret.Hash,
            CreatedAt = now,
        };
        db.ApiKeys.Add(key);
        await db.SaveChangesAsync(CancellationToken.None);
        return (key, secret);
    }

    private static async Task<IResult> CreateAsync(Guid tenant, CreateKey body, ControlPlaneDb db, TimeProvider time)
    {
        if (!await db.Tenants.AnyAsync(row => row.Id == tenant, CancellationToken.None))
        {
            return Problems.NotFound.With("There is no such tenant.");
        }

        var (key, secret) = await AddAsync(db, ApiRole.Portal, tenant, body.Name!, time.GetUtcNow().ToUniversalTime());
        return TypedResults.Created(
            $"/v1/tenants/{tenant}/keys/{key.Id}", new CreatedKey(KeyView.Of(key), secret.Reveal()));
    }

    private static async Task<IResult> ListAsync(Guid tenant, ControlPlaneDb db, CancellationToken ct)
    {
        if (!await db.Tenants.AnyAsync(row => row.Id == tenant, ct))
        {
            return Problems.NotFound.With("There is no such tenant.");
        }

        var keys = await db.ApiKeys.AsNoTracking().Where(row => row.TenantId == tenant).OrderBy(row => row.Id)
            .ToListAsync(ct);
        return TypedResults.Ok(new Page<KeyView>([.. keys.Select(KeyView.Of)], null));
    }

    private static async Task<IResult> RevokeAsync(Guid tenant, Guid key, ControlPlaneDb db, TimeProvider time)
    {
        var row = await db.ApiKeys.SingleOrDefaultAsync(
            found => found.Id == key && found.TenantId == tenant, CancellationToken.None);
        if (row is null)
        {
            return Problems.NotFound.With("The tenant has no such key.");
        }

        row.RevokedAt ??= time.GetUtcNow().ToUniversalTime();
        await db.SaveChangesAsync(CancellationToken.None);
        return TypedResults.Ok(KeyView.Of(row));
    }
}

/// <summary>A key to create.</summary>
/// <param name="Name">For people: which system holds the key. 1 to 100 characters.</param>
internal sealed record CreateKey(string? Name)
{
    internal sealed class Rules : AbstractValidator<CreateKey>
    {
        public Rules() => RuleFor(body => body.Name).NotEmpty().MaximumLength(100)
            .WithMessage("name must be 1 to 100 characters.");
    }
}

/// <summary>A key without its secret.</summary>
internal sealed record KeyView(
    Guid Id, ApiRole Role, string Name, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt, DateTimeOffset? RevokedAt)
{
    public static KeyView Of(ApiKey key) =>
        new(key.Id, key.Role, key.Name, key.CreatedAt, key.LastUsedAt, key.RevokedAt);
}

/// <summary>A new key, with its secret for the only time.</summary>
/// <param name="Key">The key's record.</param>
/// <param name="Secret">Send it as <c>Authorization: Bearer &lt;secret&gt;</c>. It cannot be shown again.</param>
internal sealed record CreatedKey(KeyView Key, string Secret)
{
    public override string ToString() => $"CreatedKey {{ Key = {Key.Id} }}";
}
