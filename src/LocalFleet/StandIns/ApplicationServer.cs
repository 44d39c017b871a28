using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LocalFleet.StandIns;

/// <summary>
/// A <b>stand-in</b> for the SaaS product: answers every request over TLS with a small page that names the server and
/// repeats what it was told about the visitor.
/// </summary>
internal sealed class ApplicationServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly X509Certificate2 _certificate;

    private ApplicationServer(WebApplication app, X509Certificate2 certificate) =>
        (_app, _certificate) = (app, certificate);

    public static async Task<ApplicationServer> StartAsync(int number, int port, InternalAuthority authority)
    {
        var certificate = authority.Issue(LocalNames.Application);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.UseHttps(certificate)));
        var app = builder.Build();
        app.Run(context => context.Response.WriteAsync(Page(number, context.Request)));
        await app.StartAsync();
        return new ApplicationServer(app, certificate);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(TimeSpan.FromSeconds(2));
        await _app.DisposeAsync();
        _certificate.Dispose();
    }

    // Plain text: what a visitor sent is repeated, and must never become markup.
    private static string Page(int number, HttpRequest request) => $"""
        This is app server {number}, a stand-in for the SaaS application.
        path: {request.Path}
        x-forwarded-proto: {request.Headers["X-Forwarded-Proto"]}
        x-forwarded-host: {request.Headers["X-Forwarded-Host"]}
        x-forwarded-for: {request.Headers["X-Forwarded-For"]}

        """;
}
