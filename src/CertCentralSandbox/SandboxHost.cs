using CertCentralSandbox.Faults;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;
using CertCentralSandbox.Validation;
using CertCentralSandbox.Web;
using CertCentralSandbox.Web.Ordering;
using CertCentralSandbox.Webhooks;
using ControlPlane.Drills;

namespace CertCentralSandbox;

/// <summary>Puts the parts of the CA together: orders, validation, issuing, web front.</summary>
internal static partial class SandboxHost
{
    private const int LargestBody = 1024 * 1024;

    public static async Task<int> RunAsync(SandboxOptions options, CancellationToken cancellation)
    {
        try
        {
            await using var app = await StartAsync(options, ShiftedClock.FromEnvironment(), cancellation);
            await app.WaitForShutdownAsync(cancellation);
            return 0;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            // A port or state directory in use, a damaged journal: the message says which, a stack trace would not
            // help.
            await Console.Error.WriteLineAsync($"The sandbox cannot run: {e.Message}");
            return 1;
        }
    }

    /// <summary>Starts a sandbox that listens when this returns. Stop it, then dispose it.</summary>
    public static async Task<WebApplication> StartAsync(
        SandboxOptions options, TimeProvider wall, CancellationToken cancellation)
    {
        var state = StateLock.Take(options.StateDirectory);
        var authority = Authority.Open(options, wall);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(options.Listen);
            kestrel.Limits.MaxRequestBodySize = LargestBody;
        });
        builder.Services.AddSingleton(_ => state); // through factories, so that the container disposes them
        builder.Services.AddSingleton(_ => authority);
        Add(builder.Services, options, wall);

        var app = builder.Build();
        app.UseRouting(); // before the gate, which counts and refuses by route
        app.UseWhen(
            http => http.Request.Path.StartsWithSegments(ApiRoutes.Prefix, StringComparison.Ordinal),
            api => api.UseMiddleware<Gate>());
        ApiRoutes.Map(app);
        SandboxRoutes.Map(app);
        LifeRoutes.Map(app);

        app.Services.GetRequiredService<StateLock>(); // resolved once, so that its disposal is the container's
        try
        {
            await app.StartAsync(cancellation);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        app.Services.GetRequiredService<SandboxAddress>().Origin = app.Urls.First();
        Listening(app.Logger, app.Urls.First());
        return app;
    }

    private static void Add(
        IServiceCollection services, SandboxOptions options, TimeProvider wall)
    {
        services.AddSingleton(options);
        services.AddSingleton(wall);
        services.AddSingleton<SandboxClock>();
        services.AddSingleton<FaultBoard>();

        // Orders
        services.AddSingleton(_ => new Journal(options.StateDirectory));
        services.AddSingleton<OrderBook>();
        services.AddSingleton<NoticeBook>();

        // Validation
        services.AddSingleton<DnsLookup>();
        services.AddSingleton<DnsTokens>();
        services.AddSingleton<TokenFetch>();
        services.AddSingleton<ControlCheck>();
        services.AddHostedService<PollEngine>();

        // Issuing
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
