using System.Net;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>Puts CertCentral behind <see cref="ICertificateAuthority"/>.</summary>
internal static class CertCentralSetup
{
    /// <summary>
    /// Reads <see cref="CertCentralOptions.Section"/>. The caller registers <see cref="ICallBudget"/> and TimeProvider.
    /// </summary>
    /// <param name="services">Gets it under <see cref="CertCentralAuthority.TheName"/>.</param>
    /// <param name="configuration">Where the section is.</param>
    /// <exception cref="InvalidOperationException">The settings can not be used; the message lists every
    /// fault.</exception>
    public static IServiceCollection AddCertCentral(this IServiceCollection services, IConfiguration configuration) =>
        services
            .AddSingleton(Read(configuration))
            .AddSingleton(s => ActivatorUtilities.CreateInstance<CertCentralWire>(s, Http()))
            .AddSingleton<ICertCentralApi, CertCentralClient>()
            .AddKeyedSingleton<ICertificateAuthority, CertCentralAuthority>(CertCentralAuthority.TheName);

    /// <inheritdoc cref="AddCertCentral"/>
    public static CertCentralOptions Read(IConfiguration configuration)
    {
        var section = configuration.GetSection(CertCentralOptions.Section);
        var options = section.Get<CertCentralOptions>() ?? new CertCentralOptions();
        // The binder adds to a default list; one that was configured must replace it.
        options = options with
        {
            LookupSchedule = section.GetSection(nameof(options.LookupSchedule)).Get<TimeSpan[]>()
                ?? new CertCentralOptions().LookupSchedule,
            ReadRetryWaits = section.GetSection(nameof(options.ReadRetryWaits)).Get<TimeSpan[]>()
                ?? new CertCentralOptions().ReadRetryWaits,
            CaaIdentities = section.GetSection(nameof(options.CaaIdentities)).Get<string[]>()
                ?? new CertCentralOptions().CaaIdentities,
        };
        string[] faults = [.. options.Faults()];
        return faults.Length == 0 ? options : throw new InvalidOperationException(string.Join(" ", faults));
    }

    /// <summary>The connection to the CA; <see cref="CertCentralWire"/> sets the time-outs of calls itself.</summary>
    public static HttpClient Http() => new(new SocketsHttpHandler
    {
        // A redirect would carry the key to wherever it points.
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.All,
        // 10 s: a connection that needs longer will not carry an order in time; refused here, it is certain that
        // nothing was sent.
        ConnectTimeout = TimeSpan.FromSeconds(10),
        // 5 min: so that a change of the CA's addresses is noticed.
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        // 8 MiB: a page of 1,000 orders is below 1 MiB; more than that is not an answer but an accident.
        MaxResponseContentBufferSize = 8 * 1024 * 1024,
        DefaultRequestHeaders = { { "User-Agent", "ControlPlane" } },
    };
}
