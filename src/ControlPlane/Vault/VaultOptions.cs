namespace ControlPlane.Vault;

/// <summary>Settings under <c>Vault</c>.</summary>
internal sealed class VaultOptions
{
    private const string DefaultKeyFile = "/etc/controlplane/vault.key";

    /// <summary>The short way to say <c>Vault:Keys:0:File</c>, for who has one key, in a file.</summary>
    public string? KeyFile { get; set; }

    /// <summary>The key-encryption keys: the first wraps, all of them unwrap. Two at once is the normal state of a
    /// rotation.</summary>
    public IList<KeyOptions> Keys { get; init; } = [];

    /// <summary>True on replicas that may hold the key-encryption key: those that run jobs or release bundles to nodes.
    /// Portal-facing ones need not, and then cannot.</summary>
    public bool CanOpen { get; set; } = true;

    public static VaultOptions Of(IConfiguration configuration) =>
        configuration.GetSection("Vault").Get<VaultOptions>() ?? new VaultOptions();

    /// <summary>The keys meant, in order; never none.</summary>
    /// <exception cref="VaultException">Both ways are used: which key wraps would be a guess.</exception>
    public IReadOnlyList<KeyOptions> Listed() => (Keys.Count, KeyFile) switch
    {
        (0, _) => [new KeyOptions { File = string.IsNullOrEmpty(KeyFile) ? DefaultKeyFile : KeyFile }],
        (_, null or "") => [.. Keys],
        _ => throw new VaultException(
            "Vault:KeyFile and Vault:Keys are both set. Write the file as Vault:Keys:<n>:File and remove "
            + "Vault:KeyFile; Vault:Keys:0 is the key that wraps."),
    };
}
