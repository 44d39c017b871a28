using ControlPlane.Http.Access;
using ControlPlane.Http.Health;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.OpenApi;
using ControlPlane.Http.Rates;
using FluentValidation;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace ControlPlane.Http;

/// <summary>What all routes share: problems, access, limits, idempotency, documentation.</summary>
internal static partial class HttpSetup
{
    public static void AddHttp(this WebApplicationBuilder builder)
    {
        builder.AddLimits();
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
    /// the caller may, and whether it was asked before.</summary>
    public static void UseHttp(this WebApplication app)
    {
        app.UseTrustedProxies();
        app.Use((context, next) =>
        {
            SecurityHeaders.Set(context);
            return next(context);
        });
        app.UseMiddleware<RequestTiming>();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseDocumentation();
        app.UseRequestTimeouts();
        app.UseStrangerRates();
        app.UseAuthentication();
        app.UseCallerRates();
        app.UseAuthorization();
        app.UseMiddleware<IdempotencyMiddleware>();
        app.Lifetime.ApplicationStarted.Register(() => WarnOfClearText(app));
    }

    public static void MapHttp(this WebApplication app)
    {
        app.MapHealth();
        app.MapDocumentation();
        app.MapTenants();
        app.MapProblemPages();
    }

    private static void WarnOfClearText(WebApplication app)
    {
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses
            ?? [];
        foreach (var address in Limits.ClearTextAddresses(addresses))
        {
            LogClearText(app.Logger, address);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message =
            "Listening on {Address} in clear text: keys can be read on the way. Configure TLS (Kestrel:Certificates) "
            + "or listen on loopback behind a proxy that terminates TLS.")]
    private static partial void LogClearText(ILogger log, string address);
}
