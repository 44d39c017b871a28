using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using CertCentralSandbox.Tests.Harness;

namespace CertCentralSandbox.Tests.Orders;

/// <summary>How certificates and orders end before their time.</summary>
public sealed class EndTests
{
    private const string Name = "shop.end.test";

    /// <summary>Fails when an announced certificate lives past its deadline, across a restart, or when another is
    /// taken with it.</summary>
    [Fact]
    public async Task What_a_mass_revocation_announces_is_revoked_at_the_deadline_and_nothing_else_is()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, certificate) = await sandbox.IssueAsync(Name);
        var (_, spared) = await sandbox.IssueAsync("other.end.example");
        var serials = new[] { await SerialAsync(sandbox, certificate), await SerialAsync(sandbox, spared) };

        Assert.Equal(400, (await sandbox.PostAsync("/sandbox/mass-revocation", new { within = "24h" })).Status);
        var notice = await sandbox.PostAsync(
            "/sandbox/mass-revocation", new { within = "24h", hostname_suffix = ".end.test", why = "Wrong policy." });
        Assert.Equal((201, "Wrong policy."), (notice.Status, notice.String("why")));

        var asked = await sandbox.PostAsync($"order/certificate/{id}/reissue", Buying.Ask(Name));
        sandbox.Prove(asked.String("dcv_random_value")!, Name);
        await sandbox.PutAsync($"order/certificate/{id}/check-dcv");
        var told = Assert.Single(await ToldAsync(sandbox));
        Assert.Equal(certificate, told.GetProperty("certificate_id").GetInt64());
        Assert.Equal(("approved", true), (
            told.GetProperty("status").GetString(), told.GetProperty("replaced").GetBoolean()));
        Assert.Equal([false, false], await RevokedAsync(sandbox, serials));

        await sandbox.RestartAsync();
        await sandbox.PostAsync("/sandbox/clock", new { advance = "24h" });

        await Sandbox.UntilAsync(async () => (await RevokedAsync(sandbox, serials))[0]);
        Assert.Equal([true, false], await RevokedAsync(sandbox, serials));
        Assert.Equal("revoked", Assert.Single(await ToldAsync(sandbox)).GetProperty("status").GetString());
        Assert.Equal("issued", await sandbox.StatusOfAsync(id)); // its successor is good
    }

    [Theory]
    [InlineData(50, 2)]
    [InlineData(1, 1)]
    public async Task A_share_of_all_certificates_can_be_announced(int percent, int taken)
    {
        await using var sandbox = await Sandbox.StartAsync();
        foreach (var at in Enumerable.Range(0, 4))
        {
            await sandbox.IssueAsync($"s{at}.end.test");
        }

        await sandbox.PostAsync("/sandbox/mass-revocation", new { within = "0s", percent });

        await Sandbox.UntilAsync(async () => (await ToldAsync(sandbox))
            .Count(one => one.GetProperty("status").GetString() == "revoked") == taken);
    }

    /// <summary>Fails when a slip of the pen has everything revoked.</summary>
    [Theory]
    [InlineData("""{"within":"0s","percent":"12.5"}""")]
    [InlineData("""{"within":"0s","percent":true}""")]
    [InlineData("""{"within":"0s","percent":0}""")]
    [InlineData("""{"within":"0s","hostname_suffix":""}""")]
    [InlineData("""{"within":"0s","hostname_suffix":[".end.test"]}""")]
    [InlineData("""{"within":"0s","percent":50,"serials":[]}""")]
    public async Task An_announcement_that_chooses_by_nothing_is_refused(string body)
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.IssueAsync(Name);

        var answer = await sandbox.PostAsync(
            "/sandbox/mass-revocation", JsonSerializer.Deserialize<JsonElement>(body));

        Assert.Equal(400, answer.Status);
        Assert.Empty(await ToldAsync(sandbox));
    }

    [Fact]
    public async Task An_order_whose_year_is_over_takes_no_reissue_and_no_renewal()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _) = await sandbox.IssueAsync(Name);

        Assert.Equal(200, (await sandbox.PostAsync($"/sandbox/orders/{id}/end")).Status);
        Assert.Equal(404, (await sandbox.PostAsync("/sandbox/orders/1/end")).Status);

        var reissue = await sandbox.PostAsync($"order/certificate/{id}/reissue", Buying.Ask(Name));
        Assert.Equal((400, "order_expired"), (reissue.Status, reissue.Code));
        var renewal = await sandbox.PostAsync(
            "order/certificate/ssl_dv_geotrust", Buying.Ask(Name).With("renewal_of_order_id", id));
        Assert.Equal((400, "cannot_renew_expired_order"), (renewal.Status, renewal.Code));
    }

    [Fact]
    public async Task An_account_may_want_revocations_approved_whatever_they_ask_for_and_keeps_their_reason()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (_, certificate) = await sandbox.IssueAsync(Name);
        string[] serials = [await SerialAsync(sandbox, certificate)];
        await sandbox.FaultAsync("revocationsNeedApproval", true);

        var asked = await sandbox.PutAsync(
            $"certificate/{serials[0]}/revoke", new { skip_approval = true, revocation_reason = "keyCompromise" });
        Assert.Equal((201, "pending"), (asked.Status, asked.String("status")));
        Assert.Equal([false], await RevokedAsync(sandbox, serials));
        await sandbox.PutAsync($"request/{asked["id"]}/status", new { status = "approved" });

        Assert.Equal("approved", (await sandbox.GetAsync($"request/{asked["id"]}")).String("status"));
        Assert.Equal([true], await RevokedAsync(sandbox, serials));
        Assert.Equal(
            "order_already_revoked",
            (await sandbox.PutAsync($"certificate/{serials[0]}/revoke", new { skip_approval = true })).Code);
    }

    private static async Task<string> SerialAsync(Sandbox sandbox, long certificate) =>
        (await sandbox.DownloadAsync(certificate))[0].SerialNumber;

    private static async Task<IReadOnlyList<bool>> RevokedAsync(Sandbox sandbox, string[] serials)
    {
        var list = CertificateRevocationListBuilder.Load((await sandbox.GetAsync("/sandbox/revoked.crl")).Body, out _);
        return [.. serials.Select(serial => list.RemoveEntry(Convert.FromHexString(serial)))];
    }

    private static async Task<List<System.Text.Json.JsonElement>> ToldAsync(Sandbox sandbox) =>
        [.. (await sandbox.GetAsync("/sandbox/notices"))["notices"].EnumerateArray()
            .SelectMany(notice => notice.GetProperty("certificates").EnumerateArray())];
}
