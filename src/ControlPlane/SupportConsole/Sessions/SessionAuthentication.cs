using System.Text.Encodings.Web;
using ControlPlane.SupportConsole.Pages;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace ControlPlane.SupportConsole.Sessions;

/// <summary>Finds the caller behind the console's cookie. It takes nothing else: a key in a header opens the API, and
/// the cookie opens the console.</summary>
internal sealed class SessionAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory loggers,
    UrlEncoder encoder,
    SessionStore sessions) : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "Console";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (SessionCookie.Of(Request) is not { } id)
        {
            return AuthenticateResult.NoResult();
        }

        return await sessions.FindAsync(id, !HtmlPage.IsLive(Request), Context.RequestAborted) is { } caller
            ? AuthenticateResult.Success(new AuthenticationTicket(caller.ToPrincipal(Scheme.Name), Scheme.Name))
            : AuthenticateResult.Fail("No such session.");
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (HtmlPage.IsLive(Request))
        {
            // For the script, which then says so: a page that changed by itself into a form would puzzle.
            Response.StatusCode = StatusCodes.Status401Unauthorized;
            return Response.WriteAsync("Signed out.", Context.RequestAborted);
        }

        var wanted = HttpMethods.IsGet(Request.Method) ? Request.Path + Request.QueryString : ConsoleSetup.Root;
        // Browsers keep a strict cookie back when another site's link leads here. What this page then asks for by
        // itself comes from us, and brings it along.
        if (SessionCookie.Of(Request) is null && Request.Headers["Sec-Fetch-Site"] == "cross-site")
        {
            return new HtmlPage<Knock>("One moment", wanted).ExecuteAsync(Context);
        }

        Response.Redirect(SignIn.PathFor(wanted));
        return Task.CompletedTask;
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Notice.Page(
            StatusCodes.Status403Forbidden, "This page is for admins.", "Sign in with an admin's key to see it.")
            .ExecuteAsync(Context);
}
