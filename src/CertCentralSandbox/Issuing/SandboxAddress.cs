namespace CertCentralSandbox.Issuing;

/// <summary>Where this sandbox can be reached, for the addresses inside certificates. Known once it listens.</summary>
internal sealed class SandboxAddress
{
    private string? _origin;

    /// <summary>Scheme, host and port, without a slash at the end.</summary>
    public string Origin
    {
        get => _origin ?? throw new InvalidOperationException("The sandbox does not listen yet.");
        set => _origin = value;
    }

    public string FrontPage => Origin + "/";

    public string Intermediate => Origin + "/sandbox/intermediate.crt";

    public string RevocationList => Origin + "/sandbox/revoked.crl";
}
