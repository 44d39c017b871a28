namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>One call, ready to be signed and sent.</summary>
/// <param name="Route">What kind of call it is.</param>
/// <param name="Url">Where to.</param>
/// <param name="Payload">JSON; empty: a POST-as-GET (RFC 8555 §6.3).</param>
internal sealed record AcmeCall(AcmeRoute Route, Uri Url, byte[] Payload)
{
    public CallPriority Priority { get; init; } = CallPriority.New;

    public string Accept { get; init; } = "application/json";
}

/// <summary>A kind of call.</summary>
/// <param name="Name">For metrics and errors.</param>
/// <param name="Repeats">Whether it is sent again by itself when no answer came, or a 5xx. Each is limited by
/// <see cref="AcmeOptions.HttpTimeout"/>, repetitions included.</param>
internal sealed record AcmeRoute(string Name, bool Repeats)
{
    /// <summary>Reads without a signature.</summary>
    public static readonly AcmeRoute Directory = new("directory", true);

    /// <summary>Nothing but a number is made.</summary>
    public static readonly AcmeRoute NewNonce = new("newNonce", true);

    /// <summary>One key, one account: asked again, the CA answers with the same one.</summary>
    public static readonly AcmeRoute NewAccount = new("newAccount", true);

    /// <summary>Each may make an order. It costs nothing but quota, so that the order's own schedule asks again, and
    /// not this minute.</summary>
    public static readonly AcmeRoute NewOrder = new("newOrder", false);

    /// <summary>Reads: orders, authorizations, certificates.</summary>
    public static readonly AcmeRoute Read = new("read", true);

    /// <summary>The CA may be looking already, and some refuse a second word. The next turn reads how it
    /// stands.</summary>
    public static readonly AcmeRoute Challenge = new("challenge", false);

    /// <summary>May have issued, and some CAs bill for that: the next turn reads the order before it asks
    /// again.</summary>
    public static readonly AcmeRoute Finalize = new("finalize", false);

    /// <summary>Revoked twice is revoked.</summary>
    public static readonly AcmeRoute Revoke = new("revokeCert", true);

    /// <summary>Not urgent: whoever asks has a schedule of days.</summary>
    public static readonly AcmeRoute RenewalInfo = new("renewalInfo", false);
}

/// <summary>What a CA answered.</summary>
/// <param name="Body">As it came.</param>
/// <param name="Location">Names what was made.</param>
/// <param name="Alternates">Further forms of the same thing: other chains.</param>
/// <param name="RetryAfter">When to ask again; null: not told.</param>
internal sealed record AcmeReply(byte[] Body, Uri? Location, IReadOnlyList<Uri> Alternates, TimeSpan? RetryAfter);
