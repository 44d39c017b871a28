using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Revoking;
using ControlPlane.Domains.Settings;
using ControlPlane.Domains.Sweeps;
using ControlPlane.Domains.Visits;

namespace ControlPlane.Domains;

/// <summary>Every route under /v1/domains, one file each, and what else tells of domains.</summary>
internal static class DomainRoutes
{
    public static void MapDomains(this WebApplication app)
    {
        var domains = app.MapGroup("/v1/domains").WithTags("Domains");
        RegisterDomain.Map(domains);
        ListDomains.Map(domains);
        ReadDomain.Map(domains);
        ReadEvents.Map(domains);
        ReadCertificates.Map(domains);
        ReadDelivery.Map(domains);
        ReadTokenVisits.Map(domains);
        ChangeDomain.Map(domains);
        CheckDomain.Map(domains);
        RenewDomain.Map(domains);
        RevokeCertificate.Map(domains);
        DeleteDomain.Map(domains);
        ReadEvents.MapFeed(app);
        CertCentralHook.Map(app);
    }
}
