using SyncAgent.HAProxy;
using SyncAgent.Syncing;

namespace SyncAgent.Tokens;

/// <summary>
/// What HAProxy asks over the agent's unix socket: tokens for the CA, and whether this node is ready for the NLB. Exact
/// Host and exact path or 404; nothing else lives here. The same on loopback, for whoever watches the node, where that
/// is asked for.
/// </summary>
internal static class LocalEndpoints
{
    /// <summary>Load balancers and probes ask with either.</summary>
    private static readonly string[] GetOrHead = [HttpMethods.Get, HttpMethods.Head];

    public static void MapTokens(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/.well-known/pki-validation/fileauth.txt", (
            HttpContext context, TokenDirectory tokens, VisitorBook visitors) =>
            Answer(context, visitors, name => tokens.FindFileAuth(name)));
        routes.MapGet("/.well-known/acme-challenge/{token}",
            (string token, HttpContext context, TokenDirectory tokens, VisitorBook visitors) =>
                Answer(context, visitors, name => tokens.FindAcme(name, token)));
    }

    public static void MapStanding(this IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/healthz", GetOrHead, () => Results.Text("alive\n"));
        routes.MapMethods("/readyz", GetOrHead, (Readiness readiness) =>
            Results.Text(
                string.Join('\n', [readiness.Reason ?? "ready", .. readiness.Remarks(), ""]),
                statusCode: readiness.Reason is null ? 200 : 503));
        routes.MapGet("/metrics", (Readiness readiness, AgentMeter meter) =>
            Results.Text(meter.Render(readiness.Gauges()), "text/plain; version=0.0.4"));
    }

    private static IResult Answer(HttpContext context, VisitorBook visitors, Func<ServedName, FoundToken?> find)
    {
        context.Response.Headers.CacheControl = "no-store";
        // Host is what the CA asked for; a port after it is not part of the name (RFC 9110 §7.2).
        var name = ServedName.TryParse(context.Request.Host.Host.ToLowerInvariant());
        if (name is null || !IsExactPath(context.Request) || find(name) is not { } found)
        {
            return Results.NotFound();
        }

        visitors.Note(found, context.Request.Headers);
        return found.Value is { } value ? Results.Text(value, "text/plain") : Results.NotFound();
    }

    /// <summary>Routing forgives upper case and a trailing slash; a validation path is exactly itself.</summary>
    private static bool IsExactPath(HttpRequest request)
    {
        var path = request.Path.Value!;
        return path == "/.well-known/pki-validation/fileauth.txt"
            || (path.StartsWith("/.well-known/acme-challenge/", StringComparison.Ordinal) && !path.EndsWith('/'));
    }
}
