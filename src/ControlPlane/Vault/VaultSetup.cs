namespace ControlPlane.Vault;

/// <summary>Registers the vault and its key-encryption key.</summary>
internal static class VaultSetup
{
    public static void AddVault(this WebApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection("Vault").Get<VaultOptions>() ?? new VaultOptions();
        // Loaded at start, not at first use: a replica without its key should not come up looking healthy.
        IKeyEncryptionKey kek = options.CanOpen ? LocalKeyFile.Load(options.KeyFile) : new AbsentKey();
        builder.Services.AddSingleton(kek);
        builder.Services.AddSingleton<IVault, PostgresVault>();
    }
}
