using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities.Acme;
using ControlPlane.CertificateAuthorities.CertCentral;
using ControlPlane.CertificateAuthorities.Standings;
using Npgsql;

namespace ControlPlane.CertificateAuthorities;

/// <summary>Registers every CA that is configured, each by its name, with its call budget and the roots its chains must
/// end at; and which of them orders go to.</summary>
internal static class CertificateAuthoritiesSetup
{
    /// <summary>Names the CA that orders go to when neither domain nor tenant says: <c>certcentral</c>, or a section
    /// below <see cref="AcmeOptions.Section"/>.</summary>
    public const string Default = "CertificateAuthorities:Default";

    /// <summary>Read from the settings alone, for commands that talk to no CA.</summary>
    public static string DefaultOf(IConfiguration configuration) =>
        configuration[Default] ?? CertCentralAuthority.TheName;

    public static void AddCertificateAuthorities(this WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        var chosen = DefaultOf(configuration);
        var acme = AcmeSetup.Read(configuration);
        if (acme.FirstOrDefault(options => options.Name == CertCentralAuthority.TheName) is { } taken)
        {
            throw new InvalidOperationException($"{AcmeOptions.Section}:{taken.Name} must have another name.");
        }

        var anchors = acme.ToDictionary(
            options => options.Name,
            options => TrustAnchors($"{AcmeOptions.Section}:{options.Name}:TrustAnchors", options.TrustAnchors));
        if (chosen == CertCentralAuthority.TheName || !string.IsNullOrEmpty(configuration["CertCentral:ApiKey"]))
        {
            AddCertCentral(builder.Services, configuration);
            anchors.Add(
                CertCentralAuthority.TheName,
                TrustAnchors("CertCentral:TrustAnchors", configuration["CertCentral:TrustAnchors"]));
        }
        else
        {
            // Its webhook's route is there all the same, and believes nobody.
            builder.Services.AddSingleton(new CertCentralOptions());
        }

        if (!anchors.ContainsKey(chosen))
        {
            throw new InvalidOperationException(
                $"{Default} is {chosen}, and there is no {AcmeOptions.Section}:{chosen}.");
        }

        foreach (var options in acme)
        {
            builder.Services.AddAcme(options);
        }

        builder.Services.AddSingleton(Failover(configuration, anchors.Keys));
        builder.Services.AddSingleton<CaStandings>();
        builder.Services.AddSingleton(services => new Authorities(
            anchors.Keys.Select(name => new WatchedAuthority(
                services.GetRequiredKeyedService<ICertificateAuthority>(name),
                services.GetRequiredService<CaStandings>())),
            chosen));
        builder.Services.AddSingleton(services => new ChainVerifier(
            services.GetRequiredService<TimeProvider>(), anchors));
    }

    private static FailoverOptions Failover(IConfiguration configuration, IReadOnlyCollection<string> known)
    {
        var options = configuration.GetSection(FailoverOptions.Section).Get<FailoverOptions>() ?? new();
        string[] faults = [.. options.Faults(known)];
        return faults.Length == 0 ? options : throw new InvalidOperationException(string.Join(" ", faults));
    }

    private static void AddCertCentral(IServiceCollection services, IConfiguration configuration) => services
        .AddSingleton<ICallBudget>(provider => new CallBudget(
            provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<TimeProvider>(),
            CertCentralAuthority.TheName, CallWindows.CertCentral))
        .AddCertCentral(configuration);

    /// <summary>The roots in a PEM file; the machine's own when none is named. A test CA's root goes here, never into
    /// the machine's store.</summary>
    private static X509Certificate2Collection? TrustAnchors(string setting, string? path)
    {
        if (string.IsNullOrEmpty(path))
        {
            return null;
        }

        var roots = new X509Certificate2Collection();
        roots.ImportFromPemFile(path);
        return roots.Count > 0
            ? roots
            : throw new InvalidOperationException($"{setting} names {path}, which holds no certificate.");
    }
}
