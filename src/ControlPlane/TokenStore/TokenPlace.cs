namespace ControlPlane.TokenStore;

/// <summary>Where a CA looks for its token on port 80 of a name.</summary>
internal enum TokenPlace
{
    /// <summary>CertCentral: one file for all values.</summary>
    FileAuth,

    /// <summary>ACME: a path of each token's own; the value begins with the token, up to its first dot.</summary>
    AcmeChallenge,
}

/// <summary>What follows from the place.</summary>
internal static class TokenPlaces
{
    /// <summary>The path at which a value is given back.</summary>
    public static string PathOf(this TokenPlace place, string value) => place switch
    {
        TokenPlace.AcmeChallenge => "/.well-known/acme-challenge/" + TokenOf(value),
        _ => "/.well-known/pki-validation/fileauth.txt",
    };

    /// <summary>The token in a key authorization (RFC 8555 §8.1).</summary>
    public static string TokenOf(string value) => value.Split('.', 2)[0];

    /// <summary>Publishes a value for <see cref="TokenPlace.FileAuth"/>.</summary>
    public static Task PublishAsync(
        this ITokenStore store, string hostname, long sequence, string value, DateTimeOffset expiresAt,
        CancellationToken ct) =>
        store.PublishAsync(hostname, sequence, TokenPlace.FileAuth, value, expiresAt, ct);
}
