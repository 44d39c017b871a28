namespace ControlPlane.Http.Rates;

/// <summary>Marks a route that answers however often it is asked: whoever watches the program must not be turned away
/// by what it watches for.</summary>
internal sealed class Unlimited;

/// <summary>Two gates, one on either side of authentication.</summary>
internal static class RatesSetup
{
    public static void AddRates(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<RateOptions>().BindConfiguration(RateOptions.Section)
            .PostConfigure(options => options.Checked());
        builder.Services.AddSingleton<RequestRates>();
        builder.Services.AddSingleton<KnownCallers>();
    }

    /// <summary>Before authentication: a request without a key, or with one that was never seen to be good, is counted
    /// with its address. Guessing is thus slowed down before it costs a look-up.</summary>
    public static void UseStrangerRates(this WebApplication app) => app.Use(async (context, next) =>
    {
        var rates = context.RequestServices.GetRequiredService<RequestRates>();
        if (IsUnlimited(context) || context.RequestServices.GetRequiredService<KnownCallers>().Contains(context)
            || await rates.AdmitAsync(rates.OfAddress(context.Connection.RemoteIpAddress), context))
        {
            await next(context);
        }
    });

    /// <summary>After authentication: each key and each node is counted for itself. A key that was good once and is no
    /// more, because it was revoked, is a stranger's.</summary>
    public static void UseCallerRates(this WebApplication app) => app.Use(async (context, next) =>
    {
        var rates = context.RequestServices.GetRequiredService<RequestRates>();
        var known = context.RequestServices.GetRequiredService<KnownCallers>();
        if (IsUnlimited(context))
        {
            await next(context);
            return;
        }

        var bucket = rates.OfCaller(context.User);
        if (bucket is not null)
        {
            known.Add(context);
        }
        else if (known.Remove(context))
        {
            bucket = rates.OfAddress(context.Connection.RemoteIpAddress);
        }

        if (bucket is null || await rates.AdmitAsync(bucket, context))
        {
            await next(context);
        }
    });

    private static bool IsUnlimited(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<Unlimited>() is not null;
}
