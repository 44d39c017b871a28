using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Running;

/// <summary>Which CA a domain's next order goes to: the domain's own, else its tenant's, else the configured one.
/// </summary>
internal sealed class AuthorityChoice(Authorities authorities)
{
    /// <returns>A name, which need not be configured any more.</returns>
    public async Task<string> OfAsync(ControlPlaneDb db, Domain domain, CancellationToken ct) =>
        domain.CertificateAuthority
        ?? await db.Tenants.Where(row => row.Id == domain.TenantId).Select(row => row.CertificateAuthority)
            .SingleAsync(ct)
        ?? authorities.Default;
}
