namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>The words for how things stand (RFC 8555 §7.1.6).</summary>
internal static class AcmeWords
{
    public const string Pending = "pending";

    public const string Ready = "ready";

    public const string Processing = "processing";

    public const string Valid = "valid";

    public const string Invalid = "invalid";

    /// <summary>Longer ones could not be kept; CAs take 43 characters.</summary>
    private const int LongestToken = 200;

    /// <summary>A word that is not here is unknown: wait and alarm, never order anew.</summary>
    public static CaOrderStatus Meaning(AcmeOrder order) => order.Status switch
    {
        Pending or Ready or Processing => CaOrderStatus.Pending,
        Valid when order.Certificate is not null => CaOrderStatus.Issued,
        Valid => CaOrderStatus.Pending,
        Invalid => CaOrderStatus.Closed,
        _ => CaOrderStatus.Unknown,
    };

    /// <summary>Whether it may be a file's word and a path: base64url and nothing else (RFC 8555 §8.3).</summary>
    public static bool IsToken(string? text) => text is { Length: > 0 and <= LongestToken }
        && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');
}
