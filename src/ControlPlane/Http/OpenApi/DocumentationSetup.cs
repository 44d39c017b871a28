using ControlPlane.Http.Access;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace ControlPlane.Http.OpenApi;

/// <summary>/openapi/v1.json and Swagger UI.</summary>
internal static class DocumentationSetup
{
    private const string Introduction =
        """
        Registers customers' names and serves them over HTTPS on every node of the fleet.

        **For support staff.** Press *Authorize*, paste your key (`cp_support_…`), press *Authorize* once more. The key
        stays in this browser until you press *Logout*. Then:

        1. *List domains* with `hostname` set to the beginning of the customer's name.
        2. Read `status`, `waitingOn`, `reason` and `fix` of the domain: they say who must do what next.
        3. *Read a domain's events* tells what happened so far, *delivery* what each node shows.
        4. *Check now* makes a waiting domain be looked at at once, instead of at `nextCheckAt`.

        **For programmers.** `Authorization: Bearer <key>`. JSON in camelCase; times in RFC 3339, UTC; ids are UUIDv7.
        Lists are `{items, nextCursor}`. Errors are `application/problem+json` (RFC 9457) with a stable `reason` and a
        `fix`; the page behind `type` explains each, and `/problems` lists them all. Unknown fields are refused.
        A tenant is named by its id or its name. `RateLimit` tells how many requests are left; a 429 says in
        `Retry-After` when to come back.
        """;

    public static void AddDocumentation(this WebApplicationBuilder builder) =>
        builder.Services.AddOpenApi("v1", Describe);

    private static void Describe(OpenApiOptions options)
    {
        options.AddOperationTransformer<OperationDetails>();
        options.AddSchemaTransformer((schema, context, _) =>
        {
            ListedWords.Describe(schema, context.JsonPropertyInfo);
            return Task.CompletedTask;
        });
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo { Title = "ControlPlane", Version = "v1", Description = Introduction };
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [AccessSetup.ApiKeyScheme] = Bearer("An API key: cp_portal_…, cp_support_… or cp_admin_…", "API key"),
                [AccessSetup.NodeScheme] = Bearer("A node's token, signed by the node itself for one request.", "JWT"),
            };
            return Task.CompletedTask;
        });
    }

    public static void UseDocumentation(this WebApplication app) => app.UseSwaggerUI(options =>
    {
        options.SwaggerEndpoint("/openapi/v1.json", "ControlPlane v1");
        options.DocumentTitle = "ControlPlane API";
        options.EnablePersistAuthorization();
        options.EnableTryItOutByDefault();
        options.DisplayRequestDuration();
        options.EnableDeepLinking();
    });

    public static void MapDocumentation(this WebApplication app)
    {
        app.MapOpenApi().AllowAnonymous();
        // Whoever opens the address in a browser wants to read.
        app.MapGet("/", () => TypedResults.Redirect("/swagger")).AllowAnonymous().ExcludeFromDescription();
    }

    private static OpenApiSecurityScheme Bearer(string description, string format) => new()
    {
        Type = SecuritySchemeType.Http,
        Scheme = "bearer",
        BearerFormat = format,
        Description = description,
    };
}
