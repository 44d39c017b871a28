using System.Net;
using System.Net.Http.Json;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Domains.Revoking;

public sealed class RevokeRouteTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task Asking_again_changes_nothing_until_it_is_more_urgent_and_the_certificate_shows_how_far_it_is()
    {
        var (id, serial) = await ServedAsync();

        var first = await RevokeAsync(id, new { reason = "superseded" });
        var again = await RevokeAsync(id, new { reason = "superseded", serial = $"0{serial.ToLowerInvariant()}" });
        var urged = await RevokeAsync(id, new { reason = "keyCompromise" });
        var calmed = await RevokeAsync(id, new { reason = "superseded", when = "after-replacement" });

        Assert.Equal("waitingForReplacement superseded after-replacement", first);
        Assert.Equal(first, again);
        Assert.Equal("sending keyCompromise now", urged);
        Assert.Equal(urged, calmed);
        var shown = await ApiFixture.ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}/certificates"));
        Assert.Equal((serial, "sending"), (
            shown["items"]![0]!["serial"]!.ToString(), shown["items"]![0]!["revocation"]!["state"]!.ToString()));
        var told = await ApiFixture.ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}/events"));
        Assert.Equal(2, told["items"]!.AsArray().Count(
            one => one!["type"]!.ToString() == "certificate.revocation-requested"));
    }

    /// <summary>Fails when a typing error revokes something, or revokes it for another reason.</summary>
    [Theory]
    [InlineData("""{}""", "reason must be one of unspecified, keyCompromise")]
    [InlineData("""{"reason":"privilegeWithdrawn"}""", "reason must be one of")]
    [InlineData("""{"reason":"superseded","when":"soon"}""", "when must be one of after-replacement, now.")]
    [InlineData("""{"reason":"superseded","serial":"0x12"}""", "serial must be hexadecimal")]
    public async Task What_is_not_understood_is_refused_and_says_what_is(string body, string says)
    {
        var (id, _) = await ServedAsync();
        var response = await api.Acme.PostAsync(
            $"/v1/domains/{id}/revoke", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(
            says, (await ApiFixture.ReadAsync(response))["detail"]!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_tenant_support_an_unknown_serial_and_what_has_ended_revoke_nothing()
    {
        var (id, serial) = await ServedAsync();
        var waiting = await api.RegisterAsync($"w{Guid.NewGuid():N}"[..20] + ".example.com");
        var (body, path) = (new { reason = "superseded" }, $"/v1/domains/{id}/revoke");

        Assert.Equal(HttpStatusCode.NotFound, (await api.Globex.PostAsJsonAsync(path, body)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await api.Support.PostAsJsonAsync(path, body)).StatusCode);
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await api.Acme.PostAsJsonAsync(path, new { reason = "superseded", serial = "ABCDEF" })).StatusCode);
        Assert.Equal(
            HttpStatusCode.Conflict,
            (await api.Acme.PostAsJsonAsync($"/v1/domains/{waiting}/revoke", body)).StatusCode);
        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync($"UPDATE bundles SET not_after = 'epoch' WHERE serial = {serial}");
        Assert.Equal(HttpStatusCode.BadRequest, (await api.Admin.PostAsJsonAsync(path, body)).StatusCode);
        Assert.False(await db.Revocations.AnyAsync(row => row.DomainId == id));
    }

    private async Task<string> RevokeAsync(Guid id, object body)
    {
        var response = await api.Acme.PostAsJsonAsync($"/v1/domains/{id}/revoke", body);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var view = await ApiFixture.ReadAsync(response);
        return $"{view["state"]} {view["reason"]} {view["when"]}";
    }

    /// <summary>As if its first bundle had been proven.</summary>
    private async Task<(Guid Id, string Serial)> ServedAsync()
    {
        var domain = await api.RegisterAsync($"d{Guid.NewGuid():N}"[..20] + ".example.com");
        var bundle = Guid.CreateVersion7();
        var (sha, serial) = ($"{bundle:N}{bundle:N}", $"{Guid.NewGuid():N}".ToUpperInvariant().Replace('0', '1'));
        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync(
            $"""
             WITH chain AS (INSERT INTO chains (id, intermediates) VALUES ({sha}, ARRAY[]::bytea[])),
             made AS (
                 INSERT INTO bundles (id, domain_id, order_id, key_id, chain_id, leaf, issuer, serial, fingerprint,
                     not_before, not_after, created_at)
                 SELECT {bundle}, domain_id, id, {bundle}, {sha}, '', 'CN=T', {serial}, {sha},
                     now(), now() + interval '90 days', now()
                 FROM orders WHERE domain_id = {domain})
             UPDATE domains SET status = 'Active', active_bundle_id = {bundle} WHERE id = {domain}
             """);
        return (domain, serial);
    }
}
