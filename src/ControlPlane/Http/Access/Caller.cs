using System.Globalization;
using System.Security.Claims;

namespace ControlPlane.Http.Access;

/// <summary>Who calls: the key's role and, for a portal, its tenant.</summary>
/// <param name="KeyId">The key, for idempotency and limits.</param>
/// <param name="Role">What it may do.</param>
/// <param name="TenantId">Set for a portal only.</param>
/// <param name="RequestsPerSecond">The key's own rate; null: its role's.</param>
internal sealed record Caller(Guid KeyId, ApiRole Role, Guid? TenantId, int? RequestsPerSecond = null)
{
    private const string KeyIdClaim = "key";
    private const string RoleClaim = "role";
    private const string TenantClaim = "tenant";
    private const string RateClaim = "rate";

    public static Caller Of(ClaimsPrincipal user) => Find(user)
        ?? throw new InvalidOperationException("The request was not made with an API key.");

    /// <summary>Null when the request was made without an API key.</summary>
    public static Caller? Find(ClaimsPrincipal user) => user.FindFirstValue(KeyIdClaim) is { } key
        ? new Caller(
            Guid.Parse(key),
            Enum.Parse<ApiRole>(user.FindFirstValue(RoleClaim)!),
            user.FindFirstValue(TenantClaim) is { } tenant ? Guid.Parse(tenant) : null,
            user.FindFirstValue(RateClaim) is { } rate ? int.Parse(rate, CultureInfo.InvariantCulture) : null)
        : null;

    /// <summary>Lets a route take the caller as a parameter.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult<Caller?>(Of(context.User));

    public ClaimsPrincipal ToPrincipal(string scheme)
    {
        var claims = new List<Claim> { new(KeyIdClaim, KeyId.ToString()), new(RoleClaim, Role.ToString()) };
        if (TenantId is { } tenant)
        {
            claims.Add(new Claim(TenantClaim, tenant.ToString()));
        }

        if (RequestsPerSecond is { } rate)
        {
            claims.Add(new Claim(RateClaim, rate.ToString(CultureInfo.InvariantCulture)));
        }

        return new ClaimsPrincipal(new ClaimsIdentity(claims, scheme, KeyIdClaim, RoleClaim));
    }
}
