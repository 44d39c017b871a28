using System.Net;
using System.Text;
using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Acme;

namespace ControlPlane.Tests.CertificateAuthorities.Acme;

/// <summary>Every word an ACME CA refuses with, and what it means to an order.</summary>
public sealed class AcmeProblemTests
{
    [Theory]
    [InlineData("accountDoesNotExist", 400, nameof(CaFailure.CredentialRefused))]
    [InlineData("alreadyReplaced", 409, nameof(CaFailure.Refused))]
    [InlineData("alreadyRevoked", 400, nameof(CaFailure.Refused))]
    [InlineData("badCSR", 400, nameof(CaFailure.Refused))]
    [InlineData("badNonce", 400, nameof(CaFailure.NotDone))]
    [InlineData("badPublicKey", 400, nameof(CaFailure.CredentialRefused))]
    [InlineData("badRevocationReason", 400, nameof(CaFailure.Refused))]
    [InlineData("badSignatureAlgorithm", 400, nameof(CaFailure.CredentialRefused))]
    [InlineData("caa", 403, nameof(CaFailure.Refused))]
    [InlineData("compound", 400, nameof(CaFailure.Refused))]
    [InlineData("connection", 400, nameof(CaFailure.NotDone))]
    [InlineData("dns", 400, nameof(CaFailure.NotDone))]
    [InlineData("externalAccountRequired", 403, nameof(CaFailure.CredentialRefused))]
    [InlineData("incorrectResponse", 403, nameof(CaFailure.NotDone))]
    [InlineData("invalidContact", 400, nameof(CaFailure.CredentialRefused))]
    [InlineData("malformed", 400, nameof(CaFailure.Refused))]
    [InlineData("orderNotReady", 403, nameof(CaFailure.NotDone))]
    [InlineData("rateLimited", 429, nameof(CaFailure.NoBudget))]
    [InlineData("rateLimited", 503, nameof(CaFailure.NoBudget))]
    [InlineData("rejectedIdentifier", 400, nameof(CaFailure.Refused))]
    [InlineData("serverInternal", 500, nameof(CaFailure.NotDone))]
    [InlineData("tls", 400, nameof(CaFailure.NotDone))]
    [InlineData("unauthorized", 403, nameof(CaFailure.CredentialRefused))]
    [InlineData("unsupportedContact", 400, nameof(CaFailure.CredentialRefused))]
    [InlineData("unsupportedIdentifier", 400, nameof(CaFailure.Refused))]
    [InlineData("userActionRequired", 403, nameof(CaFailure.CredentialRefused))]
    [InlineData("aWordOfTomorrow", 400, nameof(CaFailure.Refused))]
    [InlineData("aWordOfTomorrow", 500, nameof(CaFailure.NotDone))]
    public void Each_word_has_its_meaning(string word, int status, string expected)
    {
        var fault = Of(AcmeRoute.NewOrder, status, $$"""
            {"type":"urn:ietf:params:acme:error:{{word}}","detail":"said the CA","instance":"https://ca.example/terms",
             "subproblems":[{"type":"urn:ietf:params:acme:error:dns","detail":"and within"}]}
            """);

        Assert.Equal((expected, word), (fault.Failure.ToString(), fault.Code));
        Assert.Equal(
            $"test newOrder: HTTP {status} {word}: said the CA; dns: and within See https://ca.example/terms.",
            fault.Message);
    }

    [Theory]
    [InlineData(401, nameof(CaFailure.CredentialRefused))]
    [InlineData(404, nameof(CaFailure.Refused))]
    [InlineData(408, nameof(CaFailure.NotDone))]
    [InlineData(429, nameof(CaFailure.NoBudget))]
    [InlineData(502, nameof(CaFailure.NotDone))]
    [InlineData(302, nameof(CaFailure.NotDone))]
    public void Where_no_word_is_the_status_speaks(int status, string expected) =>
        Assert.Equal(expected, Of(AcmeRoute.Read, status, "<html>a proxy's page</html>").Failure.ToString());

    [Fact]
    public void The_same_word_may_be_about_the_account_or_about_the_name()
    {
        const string Malformed = """{"type":"urn:ietf:params:acme:error:malformed"}""";
        const string Unauthorized = """{"type":"urn:ietf:params:acme:error:unauthorized"}""";
        const string BadKey = """{"type":"urn:ietf:params:acme:error:badPublicKey"}""";

        Assert.Equal(CaFailure.CredentialRefused, Of(AcmeRoute.NewAccount, 400, Malformed).Failure);
        Assert.Equal(CaFailure.Refused, Of(AcmeRoute.Finalize, 400, BadKey).Failure);
        // Another account's certificate: orders need not go elsewhere for it.
        Assert.Equal(CaFailure.Refused, Of(AcmeRoute.Revoke, 403, Unauthorized).Failure);
        Assert.Equal(CaFailure.CredentialRefused, Of(AcmeRoute.Read, 403, Unauthorized).Failure);
    }

    [Theory]
    [InlineData(null, null, null)]
    [InlineData(-5.0, 1.0, 1.0)]
    [InlineData(30.0, 30.0, 30.0)]
    [InlineData(3600.0, 300.0, 3600.0)]
    [InlineData(1e7, 300.0, 86400.0)]
    public void A_wait_is_honoured_within_bounds(double? asked, double? forPoll, double? forRefusal)
    {
        TimeSpan? wait = asked is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

        Assert.Equal(forPoll, RetryAfter.ForPoll(wait)?.TotalSeconds);
        Assert.Equal(forRefusal, RetryAfter.ForRefusal(wait)?.TotalSeconds);
        Assert.InRange(RetryAfter.ForRenewal(wait), TimeSpan.FromMinutes(1), TimeSpan.FromDays(1));
    }

    private static CertificateAuthorityException Of(AcmeRoute route, int status, string body) =>
        AcmeProblems.Of("test", route, (HttpStatusCode)status, Encoding.UTF8.GetBytes(body), null);
}
