using System.Net;
using System.Text.Json.Serialization;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>
/// A call that brought no usable answer. Its message holds the route, the status and the CA's own codes.
/// </summary>
/// <param name="route">The route's template, without ids.</param>
/// <param name="message">A sentence for an engineer.</param>
/// <param name="inner">The cause.</param>
internal sealed class CertCentralException(string route, string message, Exception? inner = null)
    : Exception($"{route}: {message}", inner)
{
    public string Route { get; } = route;

    /// <summary>Null: no answer came, or nothing was sent.</summary>
    public HttpStatusCode? Status { get; init; }

    public IReadOnlyList<CertCentralError> Errors { get; init; } = [];

    /// <summary>
    /// It may go better later: 408, 429, 5xx, the network, a time-out. Every other refusal is for good.
    /// </summary>
    public bool Transient { get; init; }

    /// <summary>
    /// The call was no read, may have reached the CA and was not answered clearly: time-out, reset, 5xx, an unreadable
    /// success. Look before it is sent again.
    /// </summary>
    public bool AnswerLost { get; init; }

    /// <summary>How long the CA asked us to stay away; usually it does not say.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>One word for the metric's <c>result</c>.</summary>
    public string Result { get; init; } = "refused";

    /// <summary>The key is unknown or lacks a right: an operator must act.</summary>
    public bool CredentialRefused { get; init; }

    /// <summary>
    /// The CA itself says that the thing does not exist. A 404 of any other hand (a proxy, a wrong path) says nothing.
    /// </summary>
    public bool SaysNotFound => Has("not_found") && !Errors.Any(e => e.Code == "not_found|route");

    /// <summary>True when an error has this code, with or without a detail after a bar.</summary>
    public bool Has(string code) =>
        Errors.Any(e => e.Code == code || e.Code?.StartsWith(code + "|", StringComparison.Ordinal) == true);
}

/// <summary>An entry of the error envelope. <paramref name="Code"/>: snake_case, perhaps <c>|detail</c>.</summary>
internal sealed record CertCentralError(string? Code, string? Message);

internal sealed record ErrorEnvelope
{
    /// <summary>An array; a single object in old answers.</summary>
    [JsonConverter(typeof(LooseList<CertCentralError>))]
    public IReadOnlyList<CertCentralError> Errors { get; init => field = value ?? []; } = [];
}
