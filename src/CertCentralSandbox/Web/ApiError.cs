using CertCentralSandbox.Faults;

namespace CertCentralSandbox.Web;

/// <summary>
/// A refusal in CertCentral's envelope. Codes that DigiCert does not document are marked "invented" where they are
/// made; clients must treat an unknown code by its HTTP status anyway.
/// </summary>
internal sealed record ApiError(int Status, string Code, string Message) : IResult
{
    public static ApiError NotFound(string what) =>
        new(404, $"not_found|{what}", $"The requested {what} could not be found.");

    public static ApiError BadKey(bool as401) => new(
        as401 ? 401 : 403,
        "access_denied|access_denied_invalid_key",
        "Access denied due to access_denied_invalid_key.");

    public static readonly ApiError TooManyCalls =
        new(429, "request_limit_exceeded", "Service unavailable, please limit request volume");

    public static readonly ApiError Unavailable = new(503, "service_unavailable", "Service is unavailable");

    public static readonly ApiError Internal =
        new(500, "internal_error", "An error occurred while processing your request."); // code invented

    public static readonly ApiError Unreadable =
        new(400, "bad_request_format", "The request body could not be read.");

    public static ApiError Invalid(string code, string message) => new(400, code, message);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var faults = httpContext.RequestServices.GetRequiredService<FaultBoard>();
        var route = RouteName.Of(httpContext);
        httpContext.Response.StatusCode = Status;
        if (Status >= 500 && faults.Fires(Fault.HtmlErrors, route: route))
        {
            httpContext.Response.ContentType = "text/html; charset=utf-8";
            await httpContext.Response.WriteAsync(
                $"<html><head><title>{Status}</title></head><body><h1>{Message}</h1></body></html>",
                httpContext.RequestAborted);
            return;
        }

        var error = new { Code, Message };
        object envelope = faults.Fires(Fault.ErrorsAsObject, route: route)
            ? new { Errors = error }
            : new { Errors = new[] { error } };
        await httpContext.Response.WriteAsJsonAsync(envelope, Json.Options, httpContext.RequestAborted);
    }
}
