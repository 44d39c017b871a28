using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Probing;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Running;
using ControlPlane.Domains.Sweeps;

namespace ControlPlane.Domains;

/// <summary>Registers what the steps of the path need besides the other folders.</summary>
internal static class DomainsSetup
{
    public static void AddDomains(this WebApplicationBuilder builder)
    {
        string[] faults =
            [.. (builder.Configuration.GetSection(FleetOptions.Section).Get<FleetOptions>() ?? new()).Faults()];
        if (faults.Length > 0)
        {
            throw new InvalidOperationException(string.Join(" ", faults));
        }

        builder.Services.Configure<FleetOptions>(builder.Configuration.GetSection(FleetOptions.Section));
        builder.Services.AddScoped<DomainViews>();
        // Asks them in turn; the look with the CA's eyes asks each.
        builder.Services.AddSingleton(services => new DnsClient(
            new DnsClientOptions { Servers = Servers(builder.Configuration) },
            services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton(services => new Resolvers(
        [
            .. Servers(builder.Configuration).Select(server => new DnsClient(
                new DnsClientOptions { Servers = [server] }, services.GetRequiredService<TimeProvider>())),
        ]));
        builder.Services.AddSingleton<OwnershipLookup>();
        builder.Services.AddSingleton<CaaLookup>();
        builder.Services.AddSingleton<AuthorityChoice>();
        builder.Services.AddSingleton<Failover>();
        builder.Services.AddSingleton<DoubtedOrder>();
        builder.Services.AddSingleton<CaEyes>();
        builder.Services.AddSingleton<ProveOwnership>();
        builder.Services.AddSingleton<PublicProbe>();
        builder.Services.AddSingleton<EarlyLooks>();
        builder.Services.AddSingleton<RenewalCalendar>();
        builder.Services.AddSingleton<CertCentralHook>();
    }

    /// <summary>Recursive resolvers from <c>Dns:Servers</c>, each <c>address</c> or <c>address:port</c>; those of the
    /// machine when none is named.</summary>
    private static IReadOnlyList<IPEndPoint> Servers(IConfiguration configuration)
    {
        var named = configuration.GetSection("Dns:Servers").Get<string[]>() ?? [];
        var servers = (named.Length > 0 ? named : OfTheMachine())
            .Select(text => IPEndPoint.TryParse(text, out var server)
                ? new IPEndPoint(server.Address, server.Port == 0 ? 53 : server.Port)
                : throw new InvalidOperationException($"Dns:Servers holds '{text}', which is not an address."))
            .ToList();
        return servers.Count > 0
            ? servers
            : throw new InvalidOperationException(
                "No DNS resolver is known. Set Dns__Servers__0, for example 192.0.2.53.");
    }

    private static IEnumerable<string> OfTheMachine() => File.Exists("/etc/resolv.conf")
        ? File.ReadLines("/etc/resolv.conf")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Where(words => words is ["nameserver", _, ..])
            .Select(words => words[1])
        : [];
}
