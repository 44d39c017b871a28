namespace CertCentralSandbox.Issuing;

/// <summary>Where this sandbox can be reached, for the addresses inside certificates. Known once it listens.</summary>
internal sealed class SandboxAddress
{
    private readonly TaskCompletionSource<string> _origin = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Scheme, host and port, without a slash at the end.</summary>
    public string Origin
    {
        get => _origin.Task.IsCompletedSuccessfully
            ? _origin.Task.Result
            : throw new InvalidOperationException("The sandbox does not listen yet.");
        set => _origin.TrySetResult(value);
    }

    /// <summary>Completes once <see cref="Origin"/> is known; nothing can be signed before.</summary>
    public Task KnownAsync(CancellationToken cancellation) => _origin.Task.WaitAsync(cancellation);

    public string FrontPage => Origin + "/";

    public string Intermediate => Origin + "/sandbox/intermediate.crt";

    public string RevocationList => Origin + "/sandbox/revoked.crl";
}
