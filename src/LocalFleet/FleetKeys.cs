namespace LocalFleet;

/// <summary>The two API keys of a local fleet, in files that only their owner may read.</summary>
internal static class FleetKeys
{
    public static async Task EnsureAsync(Fleet fleet, CancellationToken cancellation)
    {
        await EnsureAsync(fleet, fleet.Layout.PortalKey, ["--role", "portal", "--tenant", "local-fleet"], cancellation);
        await EnsureAsync(fleet, fleet.Layout.AdminKey, ["--role", "admin"], cancellation);
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
