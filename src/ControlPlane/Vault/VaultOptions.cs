namespace ControlPlane.Vault;

/// <summary>Settings under <c>Vault</c>.</summary>
internal sealed class VaultOptions
{
    /// <summary>Path of the local key-encryption key.</summary>
    public string KeyFile { get; set; } = "/etc/controlplane/vault.key";

    /// <summary>True on replicas that may hold the key-encryption key: those that run jobs or release bundles to nodes.
    /// Portal-facing ones need not, and then cannot.</summary>
    public bool CanOpen { get; set; } = true;
}
