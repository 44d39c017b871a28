using System.Net;
using System.Text.Json;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>
/// What each refusal means. Nothing an ACME CA is asked for may be asked for only once, so that no answer is ever
/// "lost": what did not arrive is asked again. Pure; the table of words is its test.
/// </summary>
internal static class AcmeProblems
{
    public const string BadNonce = "badNonce";

    public const string OrderNotReady = "orderNotReady";

    public const string AccountDoesNotExist = "accountDoesNotExist";

    public const string AlreadyRevoked = "alreadyRevoked";

    // Long enough for a CA's sentences, short enough that an HTML page does not fill a log.
    private const int MostQuoted = 300;

    /// <summary>Refused calls.</summary>
    public static CertificateAuthorityException Of(
        string name, AcmeRoute route, HttpStatusCode status, byte[] body, TimeSpan? retryAfter)
    {
        var problem = Read(body);
        var said = problem is null ? "" : " " + Told(problem);
        return new CertificateAuthorityException(
            Meaning(problem?.Word ?? "", status, route),
            $"{name} {route.Name}: HTTP {(int)status}{said[..Math.Min(said.Length, MostQuoted)]}",
            problem is { Word: { Length: > 0 } word } ? word : null,
            RetryAfter.ForRefusal(retryAfter));
    }

    /// <summary>Calls that got no answer, or one that cannot be read.</summary>
    public static CertificateAuthorityException NoAnswer(
        string name, AcmeRoute route, string why, Exception? inner = null) =>
        new(CaFailure.NotDone, $"{name} {route.Name}: {why}", inner: inner);

    /// <summary>The problem of an answer; null when it is none.</summary>
    public static AcmeProblem? Read(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, AcmeJson.Default.AcmeProblem);
        }
        catch (JsonException)
        {
            // A proxy's page: then the status speaks alone.
            return null;
        }
    }

    /// <summary>The problem and those within it: for one name they say more than their sum.</summary>
    public static string Told(AcmeProblem problem) => string.Join(
        "; ", (problem.Subproblems ?? []).Prepend(problem).Select(each => each.Sentence))
        + (problem.Instance is { } page ? $" See {page}." : "");

    /// <summary>RFC 8555 §6.7 and RFC 9773 §7.4, word for word; what is not listed goes by its status.</summary>
    private static CaFailure Meaning(string word, HttpStatusCode status, AcmeRoute route) => word switch
    {
        // Turned away unread, or for a reason that passes.
        "rateLimited" => CaFailure.NoBudget,
        BadNonce or OrderNotReady or "serverInternal" or "connection" or "dns" or "incorrectResponse" or "tls" =>
            CaFailure.NotDone,
        "badPublicKey" or "badSignatureAlgorithm" when route == AcmeRoute.Finalize => CaFailure.Refused,
        // The account, not the name: an operator must act.
        AccountDoesNotExist or "externalAccountRequired" or "userActionRequired" or "invalidContact"
            or "unsupportedContact" or "badSignatureAlgorithm" or "badPublicKey" => CaFailure.CredentialRefused,
        // One certificate that another account was given: it says nothing against ours.
        "unauthorized" when route == AcmeRoute.Revoke => CaFailure.Refused,
        // A deactivated account is told so everywhere; at newAccount it may also be a wrong external account.
        "unauthorized" => CaFailure.CredentialRefused,
        "malformed" when route == AcmeRoute.NewAccount => CaFailure.CredentialRefused,
        "malformed" or "caa" or "badCSR" or "rejectedIdentifier" or "unsupportedIdentifier" or "compound"
            or AlreadyRevoked or "badRevocationReason" or "alreadyReplaced" => CaFailure.Refused,
        _ => status switch
        {
            HttpStatusCode.TooManyRequests => CaFailure.NoBudget,
            HttpStatusCode.Unauthorized => CaFailure.CredentialRefused,
            HttpStatusCode.RequestTimeout => CaFailure.NotDone,
            _ when (int)status is >= 400 and < 500 => CaFailure.Refused,
            _ => CaFailure.NotDone,
        },
    };
}
