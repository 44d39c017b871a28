using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.SupportConsole.Campaigns;
using ControlPlane.SupportConsole.Pages;
using ControlPlane.SupportConsole.Reading;
using ControlPlane.SupportConsole.Sessions;
using Microsoft.AspNetCore.Authentication;

namespace ControlPlane.SupportConsole;

/// <summary>The support console at <c>/console</c>: pages for people, drawn on the server, readable without a script.
/// What it shows and does goes through the same code as the API.</summary>
internal static class ConsoleSetup
{
    public const string Root = "/console";

    private const string SupportPolicy = "ConsoleSupport";
    private const string AdminPolicy = "ConsoleAdmin";

    public static void AddConsole(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<SessionStore>();
        builder.Services.AddSingleton<FleetCounts>();
        builder.Services.AddSingleton<SharedCounts>();
        builder.Services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, SessionAuthentication>(SessionAuthentication.SchemeName, null);
        builder.Services.AddAuthorizationBuilder()
            .AddPolicy(SupportPolicy, rule => rule.AddAuthenticationSchemes(SessionAuthentication.SchemeName)
                .RequireRole(nameof(ApiRole.Support), nameof(ApiRole.Admin)))
            .AddPolicy(AdminPolicy, rule => rule.AddAuthenticationSchemes(SessionAuthentication.SchemeName)
                .RequireRole(nameof(ApiRole.Admin)));
    }

    public static void MapConsole(this WebApplication app)
    {
        var console = app.MapGroup(Root).ExcludeFromDescription().WithMetadata(new ProblemPage(Notice.WriteAsync));
        console.AddEndpointFilter((context, next) => HttpMethods.IsPost(context.HttpContext.Request.Method)
            ? SameOrigin.FilterAsync(context, next)
            : next(context));
        ConsoleFiles.Map(console);
        SignIn.Map(console);

        var pages = console.MapGroup("").RequireAuthorization(SupportPolicy);
        OverviewRoute.Map(pages);
        DomainPages.Map(pages);
        FleetPages.Map(pages);
        ExpiryPages.Map(pages);
        CampaignPages.Map(pages);
        ActivationRoute.Map(pages);
        WebhookRoute.Map(pages);
        AuditRoute.Map(console.MapGroup("").RequireAuthorization(AdminPolicy));
        pages.MapGet("{**nowhere}", () => Notice.Page(
            StatusCodes.Status404NotFound, "There is no such page.",
            "Search for the domain, or begin at the overview."));
    }
}
