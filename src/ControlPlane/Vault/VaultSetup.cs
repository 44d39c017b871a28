using ControlPlane.Vault.Replicas;
using ControlPlane.Vault.Rewrapping;

namespace ControlPlane.Vault;

/// <summary>Registers the vault and its key-encryption keys.</summary>
internal static class VaultSetup
{
    public static void AddVault(this WebApplicationBuilder builder)
    {
        // Loaded at start, not at first use: a replica without its keys should not come up looking healthy.
        var options = VaultOptions.Of(builder.Configuration);
        var ring = KeyRing.Load(options);
        var services = builder.Services;
        // Made by a factory, so that the container disposes of it: branch keys are zeroed when the program ends.
        services.AddSingleton(_ => ring);
        services.AddSingleton<IKeyEncryptionKey>(all => all.GetRequiredService<KeyRing>());
        services.AddSingleton<IVault, PostgresVault>();
        services.AddSingleton<Rewrapper>();
        services.AddSingleton<VaultStatus>();
        // One for all requests: it remembers what it saw.
        services.AddSingleton<HeldKeysCheck>();
        services.AddHealthChecks().AddCheck<HeldKeysCheck>("vault-rows", timeout: TimeSpan.FromSeconds(5));
        if (options.CanOpen)
        {
            services.AddHostedService<VaultHeartbeat>();
            services.AddHostedService<KeyRingProof>();
        }
    }
}
