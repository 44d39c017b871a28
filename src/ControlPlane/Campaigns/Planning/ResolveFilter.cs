using System.Security.Cryptography.X509Certificates;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Campaigns.Planning;

/// <summary>Finds the node, the tenant and the issuer that a filter names.</summary>
internal static class ResolveFilter
{
    private const string CommonName = "2.5.4.3";

    /// <summary>What they are, or the answer that says which of them there is not.</summary>
    public static async Task<(ResolvedFilter? Found, Problem? Refusal)> RunAsync(
        ControlPlaneDb db, CampaignFilter filter, CancellationToken ct)
    {
        Guid? node = null;
        if (filter.ExposedToNode is { } named)
        {
            var (id, unfound) = await NodeReference.FindAsync(db, named, ct);
            if (unfound is not null)
            {
                return (null, unfound);
            }

            node = id;
        }

        Guid? tenant = null;
        if (filter.Tenant is { } owner)
        {
            tenant = (await TenantReference.FindAsync(db, owner, ct))?.Id;
            if (tenant is null)
            {
                return (null, Problems.TenantUnknown.With($"There is no tenant {owner}."));
            }
        }

        var issuers = filter.Issuer is null ? null : await IssuersAsync(db, ct);
        var matching = issuers?.Where(issuer => NameOf(issuer) == filter.Issuer).ToList();
        if (matching is { Count: 0 })
        {
            var known = issuers!.Select(NameOf).OfType<string>().Distinct().Order(StringComparer.Ordinal).Take(20);
            var detail = $"No certificate here was issued by {filter.Issuer}. Issuers are: {string.Join("; ", known)}.";
            return (null, Problems.InvalidField.With(detail) with
            {
                Errors = [new FieldProblem("filter.issuer", Problems.InvalidField.Code, detail)],
            });
        }

        return (new ResolvedFilter(matching, node, tenant), null);
    }

    private static Task<List<string>> IssuersAsync(ControlPlaneDb db, CancellationToken ct) =>
        db.Bundles.Select(bundle => bundle.Issuer).Distinct().ToListAsync(ct);

    /// <summary>The common name in a distinguished name; null where there is none.</summary>
    private static string? NameOf(string issuer) => new X500DistinguishedName(issuer)
        .EnumerateRelativeDistinguishedNames()
        .FirstOrDefault(part => !part.HasMultipleElements && part.GetSingleElementType().Value == CommonName)
        ?.GetSingleElementValue();
}
