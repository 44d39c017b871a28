using ControlPlane.SupportConsole.Pages;

namespace ControlPlane.SupportConsole.Sessions;

/// <summary>
/// Takes forms of our own pages only. Browsers say where a form comes from (Sec-Fetch-Site, and Origin where that is
/// not sent, as over clear text), and no page can make them say another thing: so there is no token to keep, and every
/// replica judges alike. The cookie, which is strict, stays away from others' forms besides.
/// </summary>
internal static class SameOrigin
{
    public static ValueTask<object?> FilterAsync(
        EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        IsOurs(context.HttpContext.Request)
            ? next(context)
            : ValueTask.FromResult<object?>(Notice.Page(
                StatusCodes.Status403Forbidden, "This did not come from the console.",
                "Nothing was done. Open the console and do it there."));

    private static bool IsOurs(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"];
        return site.Count > 0
            ? site == "same-origin"
            : Uri.TryCreate(request.Headers.Origin, UriKind.Absolute, out var origin)
                && origin.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase);
    }
}
