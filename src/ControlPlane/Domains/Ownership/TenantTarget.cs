using System.Security.Cryptography;
using ControlPlane.Database;
using ControlPlane.Nodes.Fleets;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Ownership;

/// <summary>The label below the fleet's target that is one tenant's own.</summary>
internal sealed class TenantTarget
{
    public required Guid TenantId { get; init; }

    /// <summary>104 random bits in hexadecimal: not to be guessed, short enough for any DNS form.</summary>
    public required string Label { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The target a new domain of the tenant is told; null where all share the fleet's. Made at the first
    /// need, and the same ever after: of two that make it at once the first counts.</summary>
    public static async Task<string?> OfAsync(
        ControlPlaneDb db, Guid tenant, FleetOptions options, FleetWay fleet, DateTimeOffset now, CancellationToken ct)
    {
        if (!options.TenantTargets)
        {
            return null;
        }

        var label = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(13));
        await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO tenant_targets (tenant_id, label, created_at) VALUES ({tenant}, {label}, {now})
             ON CONFLICT (tenant_id) DO NOTHING
             """,
            ct);
        var own = await db.TenantTargets.AsNoTracking().Where(row => row.TenantId == tenant).Select(row => row.Label)
            .SingleAsync(ct);
        return $"{own}.{fleet.CnameTarget}";
    }
}
