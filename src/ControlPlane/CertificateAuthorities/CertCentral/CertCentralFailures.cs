using System.Net;
using System.Text.Json;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>What each way of failing means. Pure; the table of facts behind it is its test.</summary>
internal static class CertCentralFailures
{
    // Long enough for the CA's sentences, short enough that an HTML page does not fill a log.
    private const int MaxQuoted = 300;

    /// <summary>The CA answered, but not with success.</summary>
    public static CertCentralException Refused(
        CertCentralCall call, HttpStatusCode status, byte[] body, TimeSpan? retryAfter)
    {
        var errors = ReadErrors(body);
        var said = string.Join("; ", errors.Select(e => $"{e.Code}: {e.Message}"));
        var limited = status == HttpStatusCode.TooManyRequests || errors.Any(e => e.Code == "request_limit_exceeded");
        // The code counts more than the status: a bad key has been seen to come as a 500.
        var denied = errors.Any(e => e.Code?.StartsWith("access_denied", StringComparison.Ordinal) == true)
            || status == HttpStatusCode.Unauthorized || (status == HttpStatusCode.Forbidden && errors.Count == 0);
        var theirs = (int)status is < 400 or >= 500;
        return new CertCentralException(
            call.Route, $"HTTP {(int)status}{(said.Length > 0 ? " " + said[..Math.Min(said.Length, MaxQuoted)] : "")}")
        {
            Status = status,
            Errors = errors,
            RetryAfter = retryAfter,
            CredentialRefused = denied,
            Transient = !denied && (limited || theirs || status == HttpStatusCode.RequestTimeout),
            // A 5xx, 503 too, may come from a gateway whose server behind it has done the work.
            AnswerLost = !call.IsRead && theirs && !denied && !limited,
            Result = denied ? "denied" : limited ? "rate_limited" : theirs ? "unavailable" : "refused",
        };
    }

    /// <summary>The connection failed. Which half of the call it hit decides whether the CA may have acted.</summary>
    public static CertCentralException Broken(CertCentralCall call, HttpRequestException e)
    {
        var beforeSending = e.HttpRequestError is
            HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
            or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError;
        return beforeSending ? NotSent(call, e.Message, e) : NoAnswer(call, e.Message, e);
    }

    /// <summary>Nothing has left us: the shared budget had no room for it in time.</summary>
    public static CertCentralException NoBudget(CertCentralCall call) =>
        new(call.Route, "not sent: the CA's call budget is used up") { Transient = true, Result = "no_budget" };

    /// <summary>Nothing has left us: there is no connection.</summary>
    public static CertCentralException NotSent(CertCentralCall call, string why, Exception? inner = null) =>
        new(call.Route, "not sent: " + why, inner) { Transient = true, Result = "not_sent" };

    /// <summary>The call has left us and no answer came.</summary>
    public static CertCentralException NoAnswer(CertCentralCall call, string why, Exception? inner = null) =>
        new(call.Route, "no answer: " + why, inner)
        {
            Transient = true,
            AnswerLost = !call.IsRead,
            Result = "no_answer",
        };

    /// <summary>
    /// The CA reported success with something that is not its answer: whatever was asked has probably happened.
    /// </summary>
    public static CertCentralException Unreadable(
        CertCentralCall call, HttpStatusCode? status, string why, Exception? inner = null) =>
        new(call.Route, "unreadable answer: " + why, inner)
        {
            Status = status,
            Transient = true,
            AnswerLost = !call.IsRead,
            Result = "unreadable",
        };

    // An answer of 500 and above may be HTML, empty or cut off; then there are no codes to go by, and the status
    // decides alone.
    private static IReadOnlyList<CertCentralError> ReadErrors(byte[] body)
    {
        try
        {
            var envelope = JsonSerializer.Deserialize(Utf8Mark.Skip(body), CertCentralJson.Default.ErrorEnvelope);
            return envelope?.Errors ?? [];
        }
        catch (JsonException)
        {
            return [];
        }
    }
}
