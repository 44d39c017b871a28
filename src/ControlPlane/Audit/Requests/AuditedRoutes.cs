using ControlPlane.Http.Access;
using Microsoft.AspNetCore.Authorization;

namespace ControlPlane.Audit.Requests;

/// <summary>
/// Which requests leave a trail: everything that changes something, everything that only admins may read, and what says
/// so itself. A route that is added tomorrow is covered without a word. Nodes' own calls are left out: their releases
/// have a ledger of their own, and heartbeats would drown the rest.
/// </summary>
internal static class AuditedRoutes
{
    /// <summary>Leaves a trail though it only reads: what it shows is worth asking who saw it.</summary>
    public static TBuilder Audited<TBuilder>(this TBuilder route)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new AuditedMark());

    public static bool Covers(HttpContext context)
    {
        if (context.GetEndpoint() is not RouteEndpoint { Metadata: var metadata })
        {
            return false;
        }

        var policy = metadata.GetOrderedMetadata<IAuthorizeData>() is [.., var last] ? last.Policy : null;
        if (policy == AccessPolicy.Node)
        {
            return false;
        }

        var method = context.Request.Method;
        var reads = HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);
        return !reads || policy == AccessPolicy.Admin || metadata.GetMetadata<AuditedMark>() is not null;
    }

    /// <summary>The operationId of the OpenAPI document.</summary>
    public static string OperationOf(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName
        ?? $"{context.Request.Method} {(context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText}";

    private sealed record AuditedMark;
}
