using ControlPlane.SupportConsole;
using ControlPlane.SupportConsole.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;

namespace ControlPlane.Http.Access;

/// <summary>The policies a route names with <c>RequireAuthorization</c>.</summary>
internal static class AccessPolicy
{
    /// <summary>Any API key. A portal sees its own tenant only.</summary>
    public const string Portal = "Portal";

    /// <summary>Who decides over a domain's fate: its portal and admins. Support staff cannot delete.</summary>
    public const string Owner = "Owner";

    /// <summary>Support staff and admins.</summary>
    public const string Support = "Support";

    public const string Admin = "Admin";

    /// <summary>A node's agent, by a token of its own key.</summary>
    public const string Node = "Node";

    /// <summary>Policy → the roles it admits; a node is no role.</summary>
    public static readonly IReadOnlyDictionary<string, ApiRole[]> Roles = new Dictionary<string, ApiRole[]>
    {
        [Portal] = [ApiRole.Portal, ApiRole.Support, ApiRole.Admin],
        [Owner] = [ApiRole.Portal, ApiRole.Admin],
        [Support] = [ApiRole.Support, ApiRole.Admin],
        [Admin] = [ApiRole.Admin],
    };
}

/// <summary>Authentication schemes and policies.</summary>
internal static class AccessSetup
{
    public const string ApiKeyScheme = "ApiKey";

    /// <summary>Its handler is registered by <c>Nodes/</c>.</summary>
    public const string NodeScheme = "Node";

    private const string AnyScheme = "Bearer";

    public static void AddAccess(this WebApplicationBuilder builder)
    {
        // Nothing here is protected by it, but authentication asks for it, and by default it writes keys into a home.
        builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        builder.Services.AddAuthentication(AnyScheme)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyScheme, null)
            .AddPolicyScheme(AnyScheme, null, options => options.ForwardDefaultSelector = context =>
                context.Request.Path.StartsWithSegments(ConsoleSetup.Root) ? SessionAuthentication.SchemeName
                : BearerToken(context.Request) is { } token && IsNodeToken(token) ? NodeScheme
                : ApiKeyScheme);

        var authorization = builder.Services.AddAuthorizationBuilder();
        foreach (var (policy, roles) in AccessPolicy.Roles)
        {
            authorization.AddPolicy(policy, rule => rule
                .AddAuthenticationSchemes(ApiKeyScheme)
                .RequireRole(roles.Select(role => role.ToString())));
        }

        authorization.AddPolicy(AccessPolicy.Node, rule => rule
            .AddAuthenticationSchemes(NodeScheme).RequireAuthenticatedUser());
        authorization.SetDefaultPolicy(new AuthorizationPolicyBuilder(ApiKeyScheme)
            .RequireRole(nameof(ApiRole.Admin)).Build());
    }

    /// <summary>A node's token is a JWT, of three parts; an API key has no dot.</summary>
    public static bool IsNodeToken(string token) => token.Count(c => c == '.') == 2;

    /// <summary>The token of <c>Authorization: Bearer</c>; null when there is none.</summary>
    public static string? BearerToken(HttpRequest request)
    {
        const string prefix = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? header[prefix.Length..].Trim() : null;
    }
}
