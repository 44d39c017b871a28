using System.Text.Json.Nodes;
using ControlPlane.Http.Access;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.OpenApi;

namespace ControlPlane.Http.OpenApi;

/// <summary>
/// Who may call a route, read from what really guards it, so that the document cannot say another thing. Tests make
/// every request that must be refused from the extension <c>x-roles</c>.
/// </summary>
/// <param name="Words">Roles in lower case, <c>node</c>, or <c>anyone</c>; empty when the route has forgotten to say,
/// which a test refuses.</param>
internal sealed record RouteCallers(IReadOnlyList<string> Words)
{
    public const string Extension = "x-roles";
    public const string Node = "node";
    private const string AnyoneWord = "anyone";

    public bool Anyone => Words is [AnyoneWord];

    public static async Task<RouteCallers> OfAsync(IList<object> metadata, IAuthorizationPolicyProvider policies)
    {
        if (metadata.OfType<IAllowAnonymous>().Any())
        {
            return new RouteCallers([AnyoneWord]);
        }

        var policy = await AuthorizationPolicy.CombineAsync(policies, metadata.OfType<IAuthorizeData>());
        if (policy is null)
        {
            return new RouteCallers([]);
        }

        var words = policy.AuthenticationSchemes.Contains(AccessSetup.NodeScheme) ? [Node] : new List<string>();
        if (policy.AuthenticationSchemes.Contains(AccessSetup.ApiKeyScheme))
        {
            // Every requirement must be met: a role is admitted when all of them name it.
            var required = policy.Requirements.OfType<RolesAuthorizationRequirement>().ToList();
            words.AddRange(Enum.GetNames<ApiRole>()
                .Where(role => required.TrueForAll(one => one.AllowedRoles.Contains(role)))
                .Select(role => role.ToLowerInvariant()));
        }

        return new RouteCallers(words);
    }

    public void Describe(OpenApiOperation operation, OpenApiDocument document)
    {
        operation.Extensions ??= new Dictionary<string, IOpenApiExtension>();
        operation.Extensions[Extension] =
            new JsonNodeExtension(new JsonArray([.. Words.Select(word => JsonValue.Create(word))]));
        if (Anyone)
        {
            return;
        }

        var scheme = Words is [Node] ? AccessSetup.NodeScheme : AccessSetup.ApiKeyScheme;
        operation.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(scheme, document)] = [] },
        ];
        var callers = string.Join(", ", Words.Select(word => word == Node ? "a node's agent" : word));
        operation.Description += $"\n\n**Who may call:** {callers}.";
    }
}
