namespace ControlPlane.SupportConsole.Sessions;

/// <summary>Where the browser keeps its session: no script reads it, no other site sends it, and it goes to the console
/// alone, never to the API.</summary>
internal static class SessionCookie
{
    private const string Name = "console_session";

    /// <summary>Longest id we look at; ours are 43 characters.</summary>
    private const int MaxLength = 100;

    /// <summary>Null when there is none: outside the console nobody is asked for it.</summary>
    public static string? Of(HttpRequest request) =>
        request.Path.StartsWithSegments(ConsoleSetup.Root)
        && request.Cookies[Name] is { Length: > 0 and <= MaxLength } id
            ? id
            : null;

    public static void Set(HttpContext context, string id) =>
        context.Response.Cookies.Append(Name, id, Options(context.Request));

    public static void Clear(HttpContext context) =>
        context.Response.Cookies.Delete(Name, Options(context.Request));

    /// <summary>Without an end of its own: the browser forgets it when it closes, the database earlier.</summary>
    private static CookieOptions Options(HttpRequest request) => new()
    {
        Path = ConsoleSetup.Root,
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = request.IsHttps,
        IsEssential = true,
    };
}
