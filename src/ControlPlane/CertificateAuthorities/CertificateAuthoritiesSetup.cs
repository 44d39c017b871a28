using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities.CertCentral;
using Npgsql;

namespace ControlPlane.CertificateAuthorities;

/// <summary>Registers the CA, its call budget, and the roots its chains must end at.</summary>
internal static class CertificateAuthoritiesSetup
{
    public static void AddCertificateAuthorities(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ICallBudget>(services => new CallBudget(
            services.GetRequiredService<NpgsqlDataSource>(), services.GetRequiredService<TimeProvider>(),
            CertCentralAuthority.TheName, CallWindows.CertCentral));
        builder.Services.AddCertCentral(builder.Configuration);
        builder.Services.AddSingleton(services => new ChainVerifier(
            services.GetRequiredService<TimeProvider>(),
            TrustAnchors(builder.Configuration["CertCentral:TrustAnchors"])));
    }

    /// <summary>The roots in a PEM file; the machine's own when none is named. A test CA's root goes here, never into
    /// the machine's store.</summary>
    private static X509Certificate2Collection? TrustAnchors(string? path)
    {
        if (string.IsNullOrEmpty(path))
        {
            return null;
        }

        var roots = new X509Certificate2Collection();
        roots.ImportFromPemFile(path);
        return roots.Count > 0
            ? roots
            : throw new InvalidOperationException(
                $"CertCentral:TrustAnchors names {path}, which holds no certificate.");
    }
}
