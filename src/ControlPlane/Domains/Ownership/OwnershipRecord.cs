using System.Security.Cryptography;
using System.Text;

namespace ControlPlane.Domains.Ownership;

/// <summary>
/// The TXT record that decides a contest. Its value is HMAC-SHA-256, under the claim's own random secret, of tenant and
/// name: nobody can compute another's, and what was shown once proves nothing for another tenant, name or
/// registration.
/// </summary>
internal static class OwnershipRecord
{
    private const string Prefix = "ownership=";

    public static string NameFor(string hostname) => $"_ownership.{hostname}";

    public static string ValueFor(Domain claim) => Prefix + Convert.ToHexStringLower(HMACSHA256.HashData(
        claim.ClaimSecret, Encoding.UTF8.GetBytes($"{claim.TenantId:D}\n{claim.Hostname}")));
}
