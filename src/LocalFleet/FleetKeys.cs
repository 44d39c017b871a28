namespace LocalFleet;

/// <summary>The keys of a local fleet, in files that only their owner may read.</summary>
internal static class FleetKeys
{
    public static async Task EnsureAsync(Fleet fleet, CancellationToken cancellation)
    {
        await EnsureAsync(fleet, fleet.Layout.PortalKey, ["--role", "portal", "--tenant", "local-fleet"], cancellation);
        await EnsureAsync(fleet, fleet.Layout.AdminKey, ["--role", "admin"], cancellation);
    }

    /// <summary>The vault's key-encryption key, made as an operator would make it. Before the first control plane starts.</summary>
    public static async Task EnsureVaultKeyAsync(Fleet fleet, CancellationToken cancellation)
    {
        if (!File.Exists(fleet.Layout.VaultKey))
        {
            await fleet.ControlPlane.RunAsync(["vault", "create-key", "--out", fleet.Layout.VaultKey], cancellation);
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
