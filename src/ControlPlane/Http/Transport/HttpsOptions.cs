namespace ControlPlane.Http.Transport;

/// <summary>Settings under <c>Https</c>. Where to listen is said by <c>ASPNETCORE_URLS</c>, as
/// <c>https://0.0.0.0:8443</c>.</summary>
internal sealed class HttpsOptions
{
    /// <summary>PEM: the certificate, then its intermediates. Looked at again while the program runs, so that a renewed
    /// one needs no restart.</summary>
    public string? CertificateFile { get; set; }

    /// <summary>PEM: the private key, without a passphrase, readable by its owner and at most one group.</summary>
    public string? KeyFile { get; set; }
}
