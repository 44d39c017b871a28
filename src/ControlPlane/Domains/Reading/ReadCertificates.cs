using ControlPlane.Database;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Revoking;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Reading;

/// <summary>GET /v1/domains/{id}/certificates: every certificate the domain ever had, newest first.</summary>
internal static class ReadCertificates
{
    public static void Map(RouteGroupBuilder domains) => domains.MapGet("{id:guid}/certificates", HandleAsync)
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ReadCertificates").WithSummary("Read a domain's certificates")
        .Documented(
            "Newest first, each with its revocation when one was asked for. Certificates are public; private keys are "
            + "in no answer of this API.", Problems.NotFound)
        .Example(null, new Page<CertificateView>([Examples.Certificate], null)).Produces<Page<CertificateView>>();

    public static async Task<IResult> HandleAsync(
        Guid id, Caller caller, ControlPlaneDb db, TimeProvider time, CancellationToken ct)
    {
        if (await db.Domains.FindVisibleAsync(id, caller, ct) is not { } domain)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        var desired = await db.DesiredState.AsNoTracking().Where(row => row.DomainId == id)
            .Select(row => row.BundleId).SingleOrDefaultAsync(ct);
        var now = time.GetUtcNow();
        var bundles = await db.Bundles.AsNoTracking().Where(row => row.DomainId == id)
            .OrderByDescending(row => row.CreatedAt).ThenByDescending(row => row.Id).ToListAsync(ct);
        var revocations = await db.Revocations.AsNoTracking().Where(row => row.DomainId == id)
            .ToDictionaryAsync(row => row.BundleId, ct);
        var items = bundles.Select(bundle => new CertificateView(
            bundle.Id, bundle.Serial, bundle.Fingerprint, bundle.Issuer, bundle.NotBefore, bundle.NotAfter,
            State(bundle, domain, desired, now),
            revocations.TryGetValue(bundle.Id, out var row) ? RevocationView.Of(row, bundle.Serial) : null)).ToList();
        return TypedResults.Ok(new Page<CertificateView>(items, null));
    }

    private static CertificateState State(Bundle bundle, Domain domain, Guid? desired, DateTimeOffset now) =>
        bundle.NotAfter <= now ? CertificateState.Expired
        : domain.Claim == Claim.Lost || domain.Status is DomainStatus.Deleting or DomainStatus.Deleted
            ? CertificateState.Withdrawn
        : bundle.Id == domain.ActiveBundleId ? CertificateState.Active
        : bundle.Id == desired || domain.ActiveBundleId is null ? CertificateState.RollingOut
        : CertificateState.Superseded;
}

/// <summary>A certificate of a domain.</summary>
/// <param name="Id">Id of the bundle.</param>
/// <param name="Serial">Upper-case hexadecimal.</param>
/// <param name="Fingerprint">SHA-256, lower-case hexadecimal.</param>
/// <param name="Issuer">The issuer's distinguished name.</param>
/// <param name="NotBefore">Begin of its validity.</param>
/// <param name="NotAfter">End of its validity.</param>
/// <param name="State">What it is to the domain now.</param>
/// <param name="Revocation">How far its revocation is; null when none was asked for.</param>
internal sealed record CertificateView(
    Guid Id, string Serial, string Fingerprint, string Issuer, DateTimeOffset NotBefore, DateTimeOffset NotAfter,
    CertificateState State, RevocationView? Revocation);

internal enum CertificateState
{
    /// <summary>Issued and on its way to the nodes.</summary>
    RollingOut,

    /// <summary>The last one that every serving node proved.</summary>
    Active,

    /// <summary>A later one took its place.</summary>
    Superseded,

    /// <summary>The domain was deleted.</summary>
    Withdrawn,

    Expired,
}
