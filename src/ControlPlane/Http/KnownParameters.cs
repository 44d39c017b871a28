using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Mvc.ModelBinding;

namespace ControlPlane.Http;

/// <summary>
/// Refuses a query with a parameter that its route does not know, so that a misspelled filter is never ignored. What a
/// route knows is what the OpenAPI document shows of it. Routes for anyone are left alone: load balancers, scrapers and
/// the CA's webhook may add what they like.
/// </summary>
internal sealed class KnownParameters(RequestDelegate next, IApiDescriptionGroupCollectionProvider routes)
{
    /// <summary>Names by the route's own name. Read once, at the first query: routes do not change.</summary>
    private readonly Lazy<Dictionary<string, List<string>>> _known = new(() => Read(routes));

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!request.QueryString.HasValue
            || context.GetEndpoint()?.Metadata is not { } metadata
            || metadata.GetMetadata<IAllowAnonymous>() is not null
            || metadata.GetMetadata<IEndpointNameMetadata>() is not { EndpointName: var route }
            || !_known.Value.TryGetValue(route, out var known))
        {
            return next(context);
        }

        var unknown = request.Query.Keys.Where(key => !known.Contains(key, StringComparer.OrdinalIgnoreCase)).ToList();
        return unknown.Count == 0 ? next(context) : Refuse(unknown, known).ExecuteAsync(context);
    }

    private static Problem Refuse(List<string> unknown, List<string> known)
    {
        var takes = known.Count == 0 ? "This route takes none." : $"This route takes {string.Join(", ", known)}.";
        return Problems.UnknownParameter.With($"Not known in the query: {string.Join(", ", unknown)}. {takes}") with
        {
            Errors = unknown.ConvertAll(name => new FieldProblem(name, Problems.UnknownParameter.Code, takes)),
        };
    }

    private static Dictionary<string, List<string>> Read(IApiDescriptionGroupCollectionProvider routes) =>
        routes.ApiDescriptionGroups.Items.SelectMany(group => group.Items)
            .Select(route => (
                Name: route.ActionDescriptor.EndpointMetadata.OfType<IEndpointNameMetadata>().LastOrDefault(),
                Parameters: route.ParameterDescriptions
                    .Where(parameter => parameter.Source == BindingSource.Query)
                    .Select(parameter => parameter.Name).ToList()))
            .Where(route => route.Name is not null)
            .ToDictionary(route => route.Name!.EndpointName, route => route.Parameters);
}
