using ControlPlane.Audit.Requests;
using ControlPlane.Http.Access;
using ControlPlane.Http.Health;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.OpenApi;
using ControlPlane.Http.Rates;
using ControlPlane.Http.Transport;
using FluentValidation;

namespace ControlPlane.Http;

/// <summary>What all routes share: problems, access, limits, idempotency, documentation.</summary>
internal static class HttpSetup
{
    public static void AddHttp(this WebApplicationBuilder builder)
    {
        builder.AddLimits();
        builder.AddTransport();
        builder.AddAccess();
        builder.AddHealth();
        builder.AddDocumentation();
        builder.Services.ConfigureHttpJsonOptions(json => JsonSetup.Apply(json.SerializerOptions));
        // A request that cannot be bound is an exception in every environment, so that it gets its problem body.
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        var ours = typeof(HttpSetup).Assembly;
        foreach (var validator in AssemblyScanner.FindValidatorsInAssembly(ours, includeInternalTypes: true))
        {
            builder.Services.AddSingleton(validator.InterfaceType, validator.ValidatorType);
        }
    }

    /// <summary>The order matters: problems outermost, then how often strangers ask, then who asks, how often, whether
    /// the caller may, the trail, whether the query can be understood, and whether it was asked before.</summary>
    public static void UseHttp(this WebApplication app)
    {
        app.UseTrustedProxies();
        app.Use((context, next) =>
        {
            SecurityHeaders.Set(context);
            return next(context);
        });
        app.UseMiddleware<RequestTiming>();
        app.UseMiddleware<AuditOutcomes>();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseDocumentation();
        app.UseRequestTimeouts();
        app.UseStrangerRates();
        app.UseAuthentication();
        app.UseCallerRates();
        app.UseAuthorization();
        app.UseMiddleware<AuditRequests>();
        app.UseMiddleware<KnownParameters>();
        app.UseMiddleware<IdempotencyMiddleware>();
        app.WarnOfClearText();
    }

    public static void MapHttp(this WebApplication app)
    {
        app.MapHealth();
        app.MapDocumentation();
        app.MapTenants();
        app.MapProblemPages();
    }
}
