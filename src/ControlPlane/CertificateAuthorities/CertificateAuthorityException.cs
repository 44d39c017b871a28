namespace ControlPlane.CertificateAuthorities;

/// <summary>A call to a CA that brought no answer, or a refusal.</summary>
/// <param name="failure">What the caller may conclude.</param>
/// <param name="message">A sentence for an engineer, without key, token or credential.</param>
/// <param name="code">The CA's own error code, such as <c>csr_invalid_cannot_parse</c>; null when it gave none.</param>
/// <param name="retryAfter">How long the CA asked us to stay away; null when it did not say.</param>
/// <param name="inner">The cause.</param>
internal sealed class CertificateAuthorityException(
    CaFailure failure,
    string message,
    string? code = null,
    TimeSpan? retryAfter = null,
    Exception? inner = null) : Exception(message, inner)
{
    public CaFailure Failure { get; } = failure;

    public string? Code { get; } = code;

    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>What a failed call to a CA means.</summary>
internal enum CaFailure
{
    /// <summary>The request certainly did nothing (not sent, 408), or is one that may be repeated without harm.
    /// Ask again later.</summary>
    NotDone,

    /// <summary>The request was not sent, or was turned away unread (429): the calls the CA allows us are used up for
    /// the moment. Nobody is at fault, and the domain least of all.</summary>
    NoBudget,

    /// <summary>The request may have been carried out and the answer is lost: look before asking again.</summary>
    AnswerLost,

    /// <summary>The CA refused this request for good.</summary>
    Refused,

    /// <summary>The CA refused our credential: an operator must act, no domain is at fault.</summary>
    CredentialRefused,

    /// <summary>Nobody was asked: the settings hold no CA of that name.</summary>
    NotConfigured,
}
