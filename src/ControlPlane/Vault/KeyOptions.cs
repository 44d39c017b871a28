namespace ControlPlane.Vault;

/// <summary>Settings of one key, under <c>Vault:Keys:n</c>: exactly one of <see cref="File"/>, <see cref="AwsKms"/>
/// and <see cref="Pkcs11"/>, with what belongs to it.</summary>
internal sealed class KeyOptions
{
    /// <summary>Path of a local key, made by <c>vault create-key</c>.</summary>
    public string? File { get; set; }

    /// <summary>ARN of a symmetric AWS KMS key; its region is where it is asked for.</summary>
    public string? AwsKms { get; set; }

    /// <summary>URL to ask KMS at, such as a VPC endpoint's; by default the region's own.</summary>
    public string? Endpoint { get; set; }

    /// <summary>With <see cref="SecretAccessKey"/>, whom KMS sees; by default the AWS SDK's own chain (environment,
    /// profile, instance role).</summary>
    public string? AccessKeyId { get; set; }

    public Secret? SecretAccessKey { get; set; }

    /// <summary>PKCS#11 URI (RFC 7512) of an RSA key in an HSM, such as
    /// <c>pkcs11:token=controlplane;object=vault</c>; without a PIN.</summary>
    public string? Pkcs11 { get; set; }

    /// <summary>File, mode 0600, that holds the token's PIN and nothing else, no newline either.</summary>
    public string? PinFile { get; set; }
}
