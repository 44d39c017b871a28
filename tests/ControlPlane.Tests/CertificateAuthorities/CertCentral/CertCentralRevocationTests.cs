using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Tests.CertificateAuthorities.CertCentral;

public sealed class CertCentralRevocationTests
{
    private const string Pending =
        """{ "id": 730000001, "date": "2026-04-02T10:00:00+00:00", "type": "revoke", "status": "pending" }""";

    private static readonly CancellationToken Ct = CancellationToken.None;

    /// <summary>Fails when a request to approve is taken for done, or a repeat for a failure.</summary>
    [Theory]
    [InlineData(204, "", nameof(RevocationStanding.Revoked), null)]
    [InlineData(201, Pending, nameof(RevocationStanding.AwaitingApproval), "730000001")]
    [InlineData(400, "order_already_revoked", nameof(RevocationStanding.Revoked), null)]
    [InlineData(400, "order_is_revoked", nameof(RevocationStanding.Revoked), null)]
    public async Task What_the_CA_answers_is_understood(int status, string body, string standing, string? request)
    {
        await using var bench = await CertCentralBench.StartAsync(
            status == 204 ? ScriptedCa.Empty(204)
            : status == 201 ? ScriptedCa.Json(201, body)
            : ScriptedCa.Error(status, body));
        using var leaf = Leaf();

        var answer = await bench.Authority.RevokeAsync(
            new Revocation(leaf.RawData, RevocationReason.KeyCompromise, "stolen"), Ct);

        Assert.Equal((standing, request), (answer.Standing.ToString(), answer.Request));
        var call = Assert.Single(bench.Ca.Seen);
        Assert.Equal($"certificate/{leaf.SerialNumber}/revoke", call.Path);
        Assert.Contains("\"revocation_reason\":\"keyCompromise\"", call.Body, StringComparison.Ordinal);
        Assert.Equal([CallPriority.Renewal], bench.Budget.Reserved);
    }

    [Theory]
    [InlineData("approved", nameof(RevocationStanding.Revoked))]
    [InlineData("rejected", nameof(RevocationStanding.Rejected))]
    [InlineData("submitted", nameof(RevocationStanding.AwaitingApproval))]
    [InlineData("a word of tomorrow", nameof(RevocationStanding.AwaitingApproval))]
    public async Task A_request_is_followed_by_its_id(string word, string standing)
    {
        await using var bench = await CertCentralBench.StartAsync(
            ScriptedCa.Json(200, Pending.Replace("pending", word, StringComparison.Ordinal)));

        var answer = await bench.Authority.ReadRevocationAsync("730000001", Ct);

        Assert.Equal(standing, answer.Standing.ToString());
        Assert.Equal("request/730000001", Assert.Single(bench.Ca.Seen).Path);
        // Thousands may wait for a person for days: they leave new domains their part of the calls.
        Assert.Equal([CallPriority.Renewal], bench.Budget.Reserved);
    }

    private static X509Certificate2 Leaf()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UnixEpoch.AddYears(56);
        return new CertificateRequest("CN=shop.example.com", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(now, now.AddDays(1));
    }
}
