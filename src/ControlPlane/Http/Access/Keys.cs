using ControlPlane.Database;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Http.Access;

/// <summary>
/// A tenant's portal keys. Operators' keys are made on the command line only: no key makes a more powerful one. These
/// routes do not honour Idempotency-Key, because a repeat could be answered only by keeping the secret: whoever lost an
/// answer revokes the key that it finds in the list and asks again.
/// </summary>
internal static class Keys
{
    private const string LostAnswer =
        " If the answer is lost, so is the secret: revoke the new key, which the list shows, and ask again.";

    public static void MapKeys(this RouteGroupBuilder tenants)
    {
        tenants.MapPost("{tenant}/keys", CreateAsync).Validate<CreateKey>()
            .WithName("CreateKey").WithSummary("Create a portal key for a tenant")
            .Documented(
                "The secret is in this answer and nowhere else: only its SHA-256 is kept." + LostAnswer,
                Problems.InvalidField, Problems.NotFound)
            .Example(new CreateKey("shop-portal"), new CreatedKey(Examples.Key, "cp_portal_…43 characters…"))
            .Produces<CreatedKey>(StatusCodes.Status201Created);
        tenants.MapGet("{tenant}/keys", ListAsync).WithName("ListKeys").WithSummary("List a tenant's keys")
            .Documented(
                "Revoked and expired keys are listed too, in order of creation.", Problems.InvalidField,
                Problems.NotFound)
            .Example(null, new Page<KeyView>([Examples.Key], null)).Produces<Page<KeyView>>();
        tenants.MapGet("{tenant}/keys/{key:guid}", ReadAsync).WithName("ReadKey").WithSummary("Read a key")
            .Documented("Who holds it, when it was last used, when it ends. Never the secret.", Problems.NotFound)
            .Example(null, Examples.Key).Produces<KeyView>();
        tenants.MapPost("{tenant}/keys/{key:guid}/rotate", RotateAsync).Validate<RotateKey>()
            .WithName("RotateKey").WithSummary("Rotate a key")
            .Documented(
                "Makes a successor of the same name. Both are valid for `graceHours`; then the old one is refused. At "
                + "most two of a line are valid at once: while they are, neither can be rotated." + LostAnswer,
                Problems.InvalidField, Problems.NotFound, Problems.KeyNotLive, Problems.RotationUnderWay)
            .Example(new RotateKey(24), new CreatedKey(
                Examples.Key with { Id = Examples.SuccessorId, PredecessorId = Examples.Key.Id },
                "cp_portal_…43 characters…"))
            .Produces<CreatedKey>(StatusCodes.Status201Created);
        tenants.MapDelete("{tenant}/keys/{key:guid}", RevokeAsync).WithName("RevokeKey")
            .WithSummary("Revoke a key")
            .Documented(
                "Every replica refuses the key from the next request on. Revoking twice changes nothing.",
                Problems.NotFound)
            .Example(null, Examples.Key with { RevokedAt = Examples.At }).Produces<KeyView>();
    }

    /// <summary>Makes a key and returns it with its secret, which is not kept.</summary>
    public static async Task<(ApiKey Key, ApiKeySecret Secret)> AddAsync(
        ControlPlaneDb db, ApiRole role, Guid? tenant, CreateKey wanted, DateTimeOffset now)
    {
        var secret = ApiKeySecret.Create(role);
        var key = new ApiKey
        {
            Id = Guid.CreateVersion7(now),
            TenantId = tenant,
            Role = role,
            Name = wanted.Name!,
            SecretHash = secret.Hash,
            CreatedAt = now,
            ExpiresAt = wanted.ExpiresInDays is { } days ? now.AddDays(days) : null,
            RequestsPerSecond = wanted.RequestsPerSecond,
        };
        db.ApiKeys.Add(key);
        await db.SaveChangesAsync(CancellationToken.None);
        return (key, secret);
    }

    private static async Task<IResult> CreateAsync(string tenant, CreateKey body, ControlPlaneDb db, TimeProvider time)
    {
        if (await TenantReference.FindAsync(db, tenant, CancellationToken.None) is not { } owner)
        {
            return NoTenant;
        }

        var (key, secret) = await AddAsync(db, ApiRole.Portal, owner.Id, body, time.NowStored());
        return Created(owner, key, secret);
    }

    private static async Task<IResult> ListAsync(
        string tenant, ControlPlaneDb db, CancellationToken ct, Guid? cursor = null,
        int limit = Page<KeyView>.DefaultLimit)
    {
        if (Page<KeyView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        if (await TenantReference.FindAsync(db, tenant, ct) is not { } owner)
        {
            return NoTenant;
        }

        var rows = await db.ApiKeys.AsNoTracking()
            .Where(row => row.TenantId == owner.Id && (cursor == null || row.Id > cursor))
            .OrderBy(row => row.Id).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).Select(KeyView.Of).ToList();
        return TypedResults.Ok(new Page<KeyView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    private static async Task<IResult> ReadAsync(string tenant, Guid key, ControlPlaneDb db, CancellationToken ct) =>
        await FindAsync(db, tenant, key, ct) is { Key: var row } ? TypedResults.Ok(KeyView.Of(row)) : NoKey;

    private static async Task<IResult> RotateAsync(
        string tenant, Guid key, RotateKey body, ControlPlaneDb db, TimeProvider time)
    {
        if (await FindAsync(db, tenant, key, CancellationToken.None) is not { } found)
        {
            return NoKey;
        }

        var (refusal, rotated) = await KeyRotation.RotateAsync(db, key, body, time.NowStored());
        return rotated is { } made ? Created(found.Tenant, made.Successor, made.Secret) : refusal!;
    }

    private static async Task<IResult> RevokeAsync(string tenant, Guid key, ControlPlaneDb db, TimeProvider time)
    {
        if (await FindAsync(db, tenant, key, CancellationToken.None) is not { Key: var row })
        {
            return NoKey;
        }

        row.RevokedAt ??= time.NowStored();
        await db.SaveChangesAsync(CancellationToken.None);
        return TypedResults.Ok(KeyView.Of(row));
    }

    private static async Task<(Tenant Tenant, ApiKey Key)?> FindAsync(
        ControlPlaneDb db, string tenant, Guid key, CancellationToken ct) =>
        await TenantReference.FindAsync(db, tenant, ct) is { } owner
        && await db.ApiKeys.SingleOrDefaultAsync(row => row.Id == key && row.TenantId == owner.Id, ct) is { } row
            ? (owner, row)
            : null;

    private static IResult Created(Tenant owner, ApiKey key, ApiKeySecret secret) => TypedResults.Created(
        $"/v1/tenants/{owner.Id}/keys/{key.Id}", new CreatedKey(KeyView.Of(key), secret.Reveal()));

    private static Problem NoTenant => Problems.NotFound.With("There is no such tenant.");

    private static Problem NoKey => Problems.NotFound.With("The tenant has no such key.");
}
