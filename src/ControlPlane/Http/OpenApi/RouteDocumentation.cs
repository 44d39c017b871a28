namespace ControlPlane.Http.OpenApi;

/// <summary>What a route says about itself beyond its types. A test asks every route for it.</summary>
internal static class RouteDocumentation
{
    /// <summary>Describes a route.</summary>
    /// <param name="route">The route.</param>
    /// <param name="description">Markdown, for support staff as much as for programmers.</param>
    /// <param name="problems">What this route can answer beyond what all routes can (400 for an unknown query, 401,
    /// 403, 429, 500, 503).</param>
    public static RouteHandlerBuilder Documented(
        this RouteHandlerBuilder route, string description, params ProblemKind[] problems) =>
        route.WithDescription(description).WithMetadata(new RouteProblems(problems));

    /// <summary>Shows what goes in and what comes out.</summary>
    /// <param name="route">The route.</param>
    /// <param name="request">The body to send; null when there is none.</param>
    /// <param name="response">The body of the good answer.</param>
    public static RouteHandlerBuilder Example(this RouteHandlerBuilder route, object? request, object response) =>
        route.WithMetadata(new RouteExample(request, response));

    /// <summary>Says that the route takes a file as it is.</summary>
    /// <param name="route">The route.</param>
    /// <param name="kinds">Each content type it takes, with an example.</param>
    public static RouteHandlerBuilder TakesFile(
        this RouteHandlerBuilder route, params (string ContentType, string Example)[] kinds) =>
        route.WithMetadata(new RouteFile(kinds));

    /// <summary>Says that what the route makes has no address of its own.</summary>
    public static RouteHandlerBuilder WithoutLocation(this RouteHandlerBuilder route) =>
        route.WithMetadata(new HasNoLocation());

    /// <summary>Offers the only words a query parameter takes.</summary>
    public static RouteHandlerBuilder Words(this RouteHandlerBuilder route, string parameter, string[] words) =>
        route.WithMetadata(new ParameterWords(parameter, [.. words.Select(word => word.ToLowerInvariant())]));
}

internal sealed record RouteProblems(IReadOnlyList<ProblemKind> Kinds);

internal sealed record HasNoLocation;

internal sealed record ParameterWords(string Parameter, IReadOnlyList<string> Words);

internal sealed record RouteFile(IReadOnlyList<(string ContentType, string Example)> Kinds);

internal sealed record RouteExample(object? Request, object Response);
