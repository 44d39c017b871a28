using System.Diagnostics;
using ControlPlane.Audit;
using ControlPlane.Database;
using ControlPlane.Http.Access;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.SupportConsole.Sessions;

/// <summary>The way in, with a key of support or admin, and the way out.</summary>
internal static class SignIn
{
    private const string Path = ConsoleSetup.Root + "/sign-in";

    public static void Map(RouteGroupBuilder console)
    {
        console.MapGet("sign-in", Form).AllowAnonymous().WithName("ConsoleSignInForm");
        console.MapPost("sign-in", InAsync).AllowAnonymous().WithName("ConsoleSignIn");
        console.MapPost("sign-out", OutAsync).AllowAnonymous().WithName("ConsoleSignOut");
    }

    /// <summary>The form, which afterwards leads where somebody wanted to go.</summary>
    public static string PathFor(string wanted) => $"{Path}?return={Uri.EscapeDataString(wanted)}";

    private static HtmlPage<SignInPage> Form(HttpRequest request) =>
        Page(new SignInForm(Inside(request.Query["return"]), null));

    private static async Task<IResult> InAsync(
        HttpContext context, ControlPlaneDb db, SessionStore sessions, AuditTrail trail, TimeProvider time)
    {
        if (!context.Request.HasFormContentType)
        {
            return Page(new SignInForm(ConsoleSetup.Root, null), StatusCodes.Status415UnsupportedMediaType);
        }

        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        var wanted = Inside(form["return"]);
        var hash = ApiKeySecret.Parse(form["key"].ToString().Trim())?.Hash;
        var key = hash is null
            ? null
            : await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(row => row.SecretHash == hash);
        if (key is null || !key.IsLive(time.GetUtcNow()))
        {
            return Page(
                new SignInForm(wanted, "That is no valid key. Keys begin with cp_support_ or cp_admin_."),
                StatusCodes.Status401Unauthorized);
        }

        if (key.Role == ApiRole.Portal)
        {
            return Page(
                new SignInForm(wanted, "That is a portal's key. The console shows every tenant's domains, so that it "
                    + "opens to keys of support and admin only."),
                StatusCodes.Status403Forbidden);
        }

        // Before the session is there: who comes in unseen does not come in.
        await trail.WriteAsync(CancellationToken.None, new AuditNote(
            AuditPhase.Done, new AuditActor(AuditActorKind.Key, key.Id, Role: key.Role.ToString().ToLowerInvariant()),
            "ConsoleSignIn", Path, context.Connection.RemoteIpAddress?.ToString(),
            Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier, "signed in"));
        SessionCookie.Set(context, await sessions.BeginAsync(key.Id));
        return new SeeOther(wanted);
    }

    private static async Task<IResult> OutAsync(HttpContext context, SessionStore sessions)
    {
        if (SessionCookie.Of(context.Request) is { } id)
        {
            await sessions.EndAsync(id);
        }

        SessionCookie.Clear(context);
        return new SeeOther(Path);
    }

    /// <summary>A place within the console, whatever was asked for: nobody is sent elsewhere by a link of
    /// ours.</summary>
    private static string Inside(string? wanted) =>
        wanted is not null && wanted.Length <= 2000 && !wanted.Any(c => char.IsControl(c) || c == '\\')
        && (wanted == ConsoleSetup.Root
            || wanted.StartsWith(ConsoleSetup.Root + "/", StringComparison.Ordinal)
            || wanted.StartsWith(ConsoleSetup.Root + "?", StringComparison.Ordinal))
            ? wanted
            : ConsoleSetup.Root;

    private static HtmlPage<SignInPage> Page(SignInForm form, int status = StatusCodes.Status200OK) =>
        new("Sign in", form) { Status = status };
}

/// <summary>What the form shows.</summary>
/// <param name="Return">Where to go afterwards.</param>
/// <param name="Refusal">Why the last attempt failed.</param>
internal sealed record SignInForm(string Return, string? Refusal);

/// <summary>After a form: the browser reads a page, and a reload sends nothing twice.</summary>
internal sealed record SeeOther(string Location) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
        httpContext.Response.Headers.Location = Location;
        return Task.CompletedTask;
    }
}
