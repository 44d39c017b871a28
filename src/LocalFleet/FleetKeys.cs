using System.Security.Cryptography;

namespace LocalFleet;

/// <summary>The keys of a local fleet, in files that only their owner may read.</summary>
internal static class FleetKeys
{
    public static async Task EnsureAsync(Fleet fleet, CancellationToken cancellation)
    {
        await EnsureAsync(
            fleet, fleet.Layout.PortalKey, ["--role", "portal", "--tenant", "local-fleet", "--name", "sample portal"],
            cancellation);
        await EnsureAsync(fleet, fleet.Layout.AdminKey, ["--role", "admin", "--name", "local fleet"], cancellation);
    }

    /// <summary>The vault's key-encryption key, in the form that its local file has: 32 bytes, base64. Never made anew:
    /// what was sealed under it would be lost.</summary>
    public static void EnsureVaultKey(Fleet fleet)
    {
        if (!File.Exists(fleet.Layout.VaultKey))
        {
            FleetLayout.WriteSecret(fleet.Layout.VaultKey, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        }
    }

    private static async Task EnsureAsync(
        Fleet fleet, string file, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        if (!File.Exists(file))
        {
            var key = await fleet.ControlPlane.RunAsync(["keys", "create", .. arguments], cancellation);
            FleetLayout.WriteSecret(file, key.Trim());
        }
    }
}
