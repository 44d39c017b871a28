using CertCentralSandbox.Faults;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;
using CertCentralSandbox.Validation;
using CertCentralSandbox.Web;
using CertCentralSandbox.Webhooks;

namespace CertCentralSandbox;

/// <summary>Puts the parts of the CA together: orders, validation, issuing, web front.</summary>
internal static partial class SandboxHost
{
    private const int LargestBody = 1024 * 1024;

    public static async Task<int> RunAsync(SandboxOptions options, CancellationToken cancellation)
    {
        await using var app = await StartAsync(options, OffsetTime.FromEnvironment(), cancellation);
        await app.WaitForShutdownAsync(cancellation);
        return 0;
    }

    /// <summary>Starts a sandbox that listens when this returns. Disposing it stops it.</summary>
    public static async Task<WebApplication> StartAsync(
        SandboxOptions options, TimeProvider wall, CancellationToken cancellation)
    {
        var authority = Authority.Open(options, wall); // first: it makes the state directory, for its owner alone
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(options.Listen);
            kestrel.Limits.MaxRequestBodySize = LargestBody;
        });
        Add(builder.Services, options, authority, wall);

        var app = builder.Build();
        app.UseRouting(); // before the gate, which counts and refuses by route
        app.UseWhen(
            http => http.Request.Path.StartsWithSegments(ApiRoutes.Prefix, StringComparison.Ordinal),
            api => api.UseMiddleware<Gate>());
        ApiRoutes.Map(app);
        SandboxRoutes.Map(app);

        await app.StartAsync(cancellation);
        app.Services.GetRequiredService<SandboxAddress>().Origin = app.Urls.First();
        Listening(app.Logger, app.Urls.First());
        return app;
    }

    private static void Add(
        IServiceCollection services, SandboxOptions options, Authority authority, TimeProvider wall)
    {
        services.AddSingleton(options);
        services.AddSingleton(wall);
        services.AddSingleton<SandboxClock>();
        services.AddSingleton<FaultBoard>();

        // Orders
        services.AddSingleton(_ => new Journal(options.StateDirectory));
        services.AddSingleton<OrderBook>();

        // Validation
        services.AddSingleton<DnsLookup>();
        services.AddSingleton<DnsTokens>();
        services.AddSingleton<TokenFetch>();
        services.AddSingleton<ControlCheck>();
        services.AddHostedService<PollEngine>();

        // Issuing
        services.AddSingleton(_ => authority); // through a factory, so that the container disposes it
        services.AddSingleton<SandboxAddress>();
        services.AddSingleton<LeafProfile>();
        services.AddSingleton<Signing>();
        services.AddSingleton<CertificateFiles>();
        services.AddSingleton<RevocationList>();

        // Web front
        services.AddSingleton<Statistics>();
        services.AddSingleton<RateLimit>();
        services.AddSingleton<Gate>();
        services.AddSingleton<OrderView>();
        services.AddSingleton<Account>();
        services.AddSingleton<PlaceOrder>();
        services.AddSingleton<ReissueOrder>();
        services.AddSingleton<WebhookBook>();
        services.AddHostedService<WebhookSender>();
    }

    [LoggerMessage(Level = LogLevel.Information,
        Message = "CertCentral sandbox (a stand-in, not DigiCert, trusted by nobody) listens on {Origin}")]
    private static partial void Listening(ILogger log, string origin);
}
