using System.Net;
using Microsoft.AspNetCore.HttpOverrides;

namespace ControlPlane.Http;

/// <summary>
/// <c>Http:TrustedProxies:0</c> and on: the addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are
/// believed. Without any, nobody's are: otherwise a guesser would get a new address with each request. Behind a proxy
/// that is not named here all callers have one address, and those without a key share one rate.
/// </summary>
internal static class TrustedProxies
{
    public static void UseTrustedProxies(this WebApplication app)
    {
        var proxies = app.Configuration.GetSection("Http:TrustedProxies").Get<string[]>() ?? [];
        if (proxies.Length == 0)
        {
            return;
        }

        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
        };
        options.KnownIPNetworks.Clear();
        options.KnownProxies.Clear();
        foreach (var proxy in proxies)
        {
            options.KnownProxies.Add(IPAddress.TryParse(proxy, out var address)
                ? address
                : throw new InvalidOperationException($"Http:TrustedProxies: {proxy} is not an IP address."));
        }

        app.UseForwardedHeaders(options);
    }
}
