using ControlPlane.Vault;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>
/// One ACME CA (RFC 8555): the configuration section <c>CertificateAuthorities:Acme:&lt;name&gt;</c>. A public CA needs
/// <see cref="Directory"/> and <see cref="AgreeToTermsOfService"/>; one that bills also the external account.
/// </summary>
internal sealed record AcmeOptions
{
    public const string Section = "CertificateAuthorities:Acme";

    /// <summary>The section's own name: it stands in records, events and metrics.</summary>
    public string Name { get; init; } = "";

    /// <summary>The CA's directory, such as <c>https://acme-v02.api.letsencrypt.org/directory</c>.</summary>
    public Uri? Directory { get; init; }

    /// <summary>Where the CA writes to, such as <c>mailto:tls@example.com</c>; may be empty.</summary>
    public IReadOnlyList<string> Contacts { get; init; } = [];

    /// <summary>Whether you agree to the terms the CA's directory names. Only you can; without it no account is
    /// made.</summary>
    public bool AgreeToTermsOfService { get; init; }

    /// <summary>External account binding, as the CA handed it out: its key id.</summary>
    public string EabKeyId { get; init; } = "";

    /// <summary>And its HMAC key, base64url.</summary>
    public Secret EabKey { get; init; } = new("");

    /// <summary>Common name of the root or intermediate to prefer, where the CA offers several chains. Empty: the CA's
    /// own choice.</summary>
    public string PreferredIssuer { get; init; } = "";

    /// <summary>PEM file of the roots that its certificates must end at. Empty: the machine's.</summary>
    public string TrustAnchors { get; init; } = "";

    /// <summary>PEM file of the roots of its own HTTPS, for a CA inside the house. Empty: the machine's.</summary>
    public string ServerTrustAnchors { get; init; } = "";

    /// <summary>The names by which CAA records call it, the one to recommend first. Empty: CAA is not looked
    /// at.</summary>
    public IReadOnlyList<string> CaaIdentities { get; init; } = [];

    /// <summary>Network perspectives that fetch a token. Only shown, never waited for.</summary>
    public int Perspectives { get; init; } = 5;

    /// <summary>How the user agents of those perspectives begin.</summary>
    public IReadOnlyList<string> ValidatorAgents { get; init; } =
        ["Mozilla/5.0 (compatible; Let's Encrypt validation server"];

    /// <summary>Calls a second over all replicas. 10: half of what Let's Encrypt takes from one address.</summary>
    public int CallsPerSecond { get; init; } = 10;

    /// <summary>New orders an hour over all replicas. 100: Let's Encrypt takes 300 in three hours from one
    /// account.</summary>
    public int OrdersPerHour { get; init; } = 100;

    /// <summary>Limit of one call, its repetitions included. 30 s: validations and signatures are waited for by asking
    /// again, so that an answer that takes longer than this is none.</summary>
    public TimeSpan HttpTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest wait for the shared call budget, before a call is given up unsent. 10 s: who waits longer
    /// should not hold a lease meanwhile.</summary>
    public TimeSpan BudgetPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Waits before a call that may be repeated is tried again. 0.5 s for a connection that was just being
    /// closed, 2 s for a front end that fails over; a longer outage belongs to the order's own schedule.</summary>
    public IReadOnlyList<TimeSpan> RetryWaits { get; init; } = [TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(2)];

    /// <summary>The calls of every kind.</summary>
    public CallWindows Calls => new(5, 5 * CallsPerSecond, 60, 60 * CallsPerSecond);

    /// <summary>New orders, which CAs count by themselves.</summary>
    public CallWindows Orders => new(60, OrdersPerHour, 3600, OrdersPerHour);

    /// <summary>All that is wrong with these settings, a sentence each; empty when they can be used.</summary>
    public IEnumerable<string> Faults()
    {
        var here = $"{Section}:{Name}";
        if (Directory is null || !Directory.IsAbsoluteUri
            || (Directory.Scheme != Uri.UriSchemeHttps && !Directory.IsLoopback))
        {
            yield return $"{here}:{nameof(Directory)} must be an https address, save on loopback.";
        }

        if (!AgreeToTermsOfService)
        {
            yield return $"{here}:{nameof(AgreeToTermsOfService)} must be true: without your consent to the terms of "
                + "the CA there is no account.";
        }

        if (string.IsNullOrEmpty(EabKeyId) != EabKey.IsEmpty)
        {
            yield return $"{here}: {nameof(EabKeyId)} and {nameof(EabKey)} belong together.";
        }

        if (!EabKey.IsEmpty && !Jws.IsBase64Url(EabKey.Reveal()))
        {
            yield return $"{here}:{nameof(EabKey)} is not base64url.";
        }

        if (Contacts.Any(contact => !contact.StartsWith("mailto:", StringComparison.Ordinal)))
        {
            yield return $"{here}:{nameof(Contacts)} must begin with mailto:.";
        }

        if (CallsPerSecond < 1 || OrdersPerHour < 1 || Perspectives < 1)
        {
            yield return $"{here}: numbers must be 1 or more.";
        }

        if (HttpTimeout <= TimeSpan.Zero || BudgetPatience <= TimeSpan.Zero)
        {
            yield return $"{here}: times must be greater than zero.";
        }
    }
}
