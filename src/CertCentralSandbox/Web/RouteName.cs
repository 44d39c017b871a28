namespace CertCentralSandbox.Web;

/// <summary>Method and template of the current route below /services/v2, as statistics and faults name it.</summary>
internal static class RouteName
{
    public static string Of(HttpContext http) =>
        http.GetEndpoint() is RouteEndpoint { RoutePattern.RawText: { } template } && template != ApiRoutes.Unknown
            ? $"{http.Request.Method} {template.Replace(ApiRoutes.Prefix, string.Empty, StringComparison.Ordinal)}"
            : $"{http.Request.Method} (unknown)";
}

/// <summary>Set by a handler once its change is kept: what can be lost from there on is only the answer.</summary>
internal sealed record Committed(IReadOnlyCollection<string> Names)
{
    /// <summary>The connection was cut instead of answering.</summary>
    public bool AnswerLost { get; set; }
}

internal static class CommittedExtensions
{
    public static void MarkCommitted(this HttpContext http, IReadOnlyCollection<string> names) =>
        http.Features.Set(new Committed(names));
}
