namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>Our account at an ACME CA: one for each configuration and directory. Its key is in the vault.</summary>
internal sealed class AcmeAccount
{
    /// <summary>The configuration's name.</summary>
    public required string Ca { get; init; }

    /// <summary>Another directory (a CA's test environment) is another CA.</summary>
    public required string Directory { get; init; }

    /// <summary>Of the account's key in the vault.</summary>
    public required Guid KeyId { get; init; }

    /// <summary>The account at the CA; null until the CA has named it.</summary>
    public string? Url { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? RegisteredAt { get; set; }
}
