using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities.Acme;
using ControlPlane.CertificateAuthorities.CertCentral;
using Npgsql;

namespace ControlPlane.CertificateAuthorities;

/// <summary>Registers every CA that is configured, each by its name, with its call budget; the one that orders go to;
/// and the roots its chains must end at.</summary>
internal static class CertificateAuthoritiesSetup
{
    /// <summary>Names the CA that orders go to: <c>certcentral</c>, or a section below
    /// <see cref="AcmeOptions.Section"/>.</summary>
    public const string Default = "CertificateAuthorities:Default";

    public static void AddCertificateAuthorities(this WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        var chosen = configuration[Default] ?? CertCentralAuthority.TheName;
        var acme = AcmeSetup.Read(configuration);
        if (acme.FirstOrDefault(options => options.Name == CertCentralAuthority.TheName) is { } taken)
        {
            throw new InvalidOperationException($"{AcmeOptions.Section}:{taken.Name} must have another name.");
        }

        if (chosen != CertCentralAuthority.TheName && acme.All(options => options.Name != chosen))
        {
            throw new InvalidOperationException(
                $"{Default} is {chosen}, and there is no {AcmeOptions.Section}:{chosen}.");
        }

        builder.Services.AddSingleton<ICallBudget>(services => new CallBudget(
            services.GetRequiredService<NpgsqlDataSource>(), services.GetRequiredService<TimeProvider>(),
            CertCentralAuthority.TheName, CallWindows.CertCentral));
        builder.Services.AddCertCentral(configuration, isUsed: chosen == CertCentralAuthority.TheName);
        foreach (var options in acme)
        {
            builder.Services.AddAcme(options);
        }

        builder.Services.AddSingleton(services => services.GetRequiredKeyedService<ICertificateAuthority>(chosen));
        var anchors = acme.FirstOrDefault(options => options.Name == chosen) is { } used
            ? ($"{AcmeOptions.Section}:{chosen}:TrustAnchors", used.TrustAnchors)
            : ("CertCentral:TrustAnchors", configuration["CertCentral:TrustAnchors"]);
        builder.Services.AddSingleton(services => new ChainVerifier(
            services.GetRequiredService<TimeProvider>(), TrustAnchors(anchors.Item1, anchors.Item2)));
    }

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
