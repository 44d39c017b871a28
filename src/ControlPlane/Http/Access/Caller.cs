using System.Security.Claims;

namespace ControlPlane.Http.Access;

/// <summary>Who calls: the key's role and, for a portal, its tenant.</summary>
/// <param name="KeyId">The key, for idempotency and limits.</param>
/// <param name="Role">What it may do.</param>
/// <param name="TenantId">Set for a portal only.</param>
internal sealed record Caller(Guid KeyId, ApiRole Role, Guid? TenantId)
{
    public const string KeyIdClaim = "key";
    private const string RoleClaim = "role";
    private const string TenantClaim = "tenant";

    /// <summary>Another tenant's resource does not exist for a portal: 404, never 403, or ids could be
    /// probed.</summary>
    public bool MaySee(Guid tenant) => Role != ApiRole.Portal || TenantId == tenant;

    public static Caller Of(ClaimsPrincipal user) => new(
        Guid.Parse(user.FindFirstValue(KeyIdClaim)!),
        Enum.Parse<ApiRole>(user.FindFirstValue(RoleClaim)!),
        user.FindFirstValue(TenantClaim) is { } tenant ? Guid.Parse(tenant) : null);

    /// <summary>Lets a route take the caller as a parameter.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult<Caller?>(Of(context.User));

    public ClaimsPrincipal ToPrincipal(string scheme)
    {
        var claims = new List<Claim> { new(KeyIdClaim, KeyId.ToString()), new(RoleClaim, Role.ToString()) };
        if (TenantId is { } tenant)
        {
            claims.Add(new Claim(TenantClaim, tenant.ToString()));
        }

        return new ClaimsPrincipal(new ClaimsIdentity(claims, scheme, KeyIdClaim, RoleClaim));
    }
}
