using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Forecasts;

public sealed class ReadForecastTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task Served_domains_and_open_orders_are_counted_each_in_its_place()
    {
        Assert.Equal((0, 0, 0L), Counted(await ReadAsync()));

        var waits = await api.RegisterAsync("waits.example.com");
        Assert.Equal((0, 1, 0L), Counted(await ReadAsync()));
        Assert.Equal(4, (int)(await ReadAsync())["callsPerOrder"]!);

        await ServeAsync(api, waits);
        var served = await ReadAsync();
        Assert.Equal((1, 0, 1L), Counted(served));
        Assert.Null(served["firstHourThatDoesNotFit"]);
        var hours = served["hours"]!.AsArray();
        Assert.Equal(47 * 24, hours.Count);
        var due = DateTimeOffset.Parse(
            $"{hours.Single(hour => (int)hour!["renewals"]! == 1)!["at"]}",
            System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange((due - api.Clock.GetUtcNow()).TotalDays, 29, 31);

        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync($"UPDATE tenants SET certificate_authority = 'another'");
        var elsewhere = await ReadAsync();
        Assert.Equal((0, 0, 0L), Counted(elsewhere));
        Assert.Equal(1, (int)elsewhere["domainsElsewhere"]!);
        await db.Database.ExecuteSqlAsync($"UPDATE tenants SET certificate_authority = NULL");
        await db.Database.ExecuteSqlAsync(
            $"UPDATE domains SET renewals_stopped_at = now(), dns_away_since = now(), dns_failed_looks = 9");
        Assert.Equal((0, 0, 0L), Counted(await ReadAsync()));
    }

    [Fact]
    public async Task A_portal_may_not_see_it()
    {
        Assert.Equal(HttpStatusCode.Forbidden, (await api.Acme.GetAsync("/v1/forecast")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await api.Support.GetAsync("/v1/forecast")).StatusCode);
    }

    private static (int Domains, int OpenOrders, long Renewals) Counted(JsonNode forecast) => (
        (int)forecast["domains"]!, (int)forecast["openOrders"]!,
        forecast["hours"]!.AsArray().Sum(hour => (long)hour!["renewals"]!));

    private async Task<JsonNode> ReadAsync() => await ApiFixture.ReadAsync(await api.Admin.GetAsync("/v1/forecast"));

    /// <summary>As if its order had become active.</summary>
    internal static async Task ServeAsync(ApiFixture api, Guid domain)
    {
        var bundle = Guid.CreateVersion7();
        var sha = $"{bundle:N}{bundle:N}";
        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync(
            $"""
             WITH chain AS (INSERT INTO chains (id, intermediates) VALUES ({sha}, ARRAY[]::bytea[]))
             INSERT INTO bundles (id, domain_id, order_id, key_id, chain_id, leaf, issuer, serial, fingerprint,
                 not_before, not_after, created_at)
             SELECT {bundle}, domain_id, id, {bundle}, {sha}, '', 'CN=T', {sha}, {sha},
                 now(), now() + interval '60 days', now()
             FROM orders WHERE domain_id = {domain};
             UPDATE orders SET state = 'Active', bundle_id = {bundle}, next_attempt_at = NULL, reason = NULL
             WHERE domain_id = {domain};
             UPDATE domains SET status = 'Active', active_bundle_id = {bundle}, expires_at = now() + interval '60 days',
                 activated_at = now(), renew_at = now() + interval '30 days'
             WHERE id = {domain}
             """);
    }
}
