using System.Security.Authentication;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace ControlPlane.Http.Transport;

/// <summary>TLS of the API itself, and a word where there is none.</summary>
internal static partial class TransportSetup
{
    public static void AddTransport(this WebApplicationBuilder builder)
    {
        builder.Services.AddHealthChecks().AddCheck<TransportCheck>("transport");
        var https = builder.Configuration.GetSection("Https").Get<HttpsOptions>() ?? new HttpsOptions();
        if (string.IsNullOrEmpty(https.CertificateFile) != string.IsNullOrEmpty(https.KeyFile))
        {
            throw new InvalidOperationException("Set both Https:CertificateFile and Https:KeyFile, or neither.");
        }

        if (string.IsNullOrEmpty(https.CertificateFile))
        {
            return;
        }

        builder.Services.AddSingleton(services => new ServerCertificate(
            https.CertificateFile, https.KeyFile!, services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<ServerCertificate>>()));
        builder.WebHost.ConfigureKestrel((_, kestrel) =>
        {
            // Made now: a certificate that cannot be used is known at start, not at the first handshake.
            var certificate = kestrel.ApplicationServices.GetRequiredService<ServerCertificate>();
            kestrel.ConfigureHttpsDefaults(tls =>
            {
                tls.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
                // With a selector Kestrel looks for no certificate of its own; the context, which knows the
                // intermediates too, then takes its place.
                tls.ServerCertificateSelector = (_, _) => certificate.Current.TargetCertificate;
                tls.OnAuthenticate = (_, handshake) =>
                {
                    handshake.ServerCertificateSelectionCallback = null;
                    handshake.ServerCertificateContext = certificate.Current;
                };
            });
        });
    }

    /// <summary>One line for each address that keys would travel over readably.</summary>
    public static void WarnOfClearText(this WebApplication app) => app.Lifetime.ApplicationStarted.Register(() =>
    {
        foreach (var address in ClearText(app.Services.GetRequiredService<IServer>()))
        {
            LogClearText(app.Logger, address);
        }
    });

    internal static IEnumerable<string> ClearText(IServer server) =>
        Limits.ClearTextAddresses(server.Features.Get<IServerAddressesFeature>()?.Addresses ?? []);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message =
            "Listening on {Address} in clear text: API keys can be read on the way. Set Https:CertificateFile, "
            + "Https:KeyFile and an https address in ASPNETCORE_URLS, or listen on loopback behind a proxy that "
            + "terminates TLS.")]
    private static partial void LogClearText(ILogger log, string address);
}

/// <summary>Says in <c>/readyz</c> what the log said once: a reason to act, not to take the replica out.</summary>
internal sealed class TransportCheck(IServer server) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var open = TransportSetup.ClearText(server).ToList();
        return Task.FromResult(open.Count == 0
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Degraded(
                $"Listening in clear text on {string.Join(", ", open)}: API keys can be read on the way."));
    }
}
