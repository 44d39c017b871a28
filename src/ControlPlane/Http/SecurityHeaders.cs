using ControlPlane.SupportConsole;

namespace ControlPlane.Http;

/// <summary>Headers of every answer: nothing is framed, guessed, cached or leaked to another origin.</summary>
internal static class SecurityHeaders
{
    /// <summary>The API sends data, never a page that loads anything.</summary>
    private const string ApiPolicy =
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Swagger UI brings its own script and style files, and sets styles inline.</summary>
    private const string SwaggerPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        + "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>The console's pages load one stylesheet, one script and one icon of our own, and send forms back to
    /// us. Nothing inline, so that a text that became markup would still do nothing.</summary>
    private const string ConsolePolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    public static void Set(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
        headers.ContentSecurityPolicy = PolicyOf(context.Request.Path);
        headers.CacheControl = "no-store";
        if (context.Request.IsHttps)
        {
            // A year, without includeSubDomains: other names of the operator's domain are not ours to bind.
            headers.StrictTransportSecurity = "max-age=31536000";
        }
    }

    private static string PolicyOf(PathString path) =>
        path.StartsWithSegments("/swagger") ? SwaggerPolicy
        : path.StartsWithSegments(ConsoleSetup.Root) ? ConsolePolicy
        : ApiPolicy;
}
