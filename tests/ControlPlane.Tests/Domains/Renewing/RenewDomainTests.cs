using System.Net;
using ControlPlane.Domains;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Domains.Renewing;

public sealed class RenewDomainTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_domain_that_is_not_served_has_nothing_to_renew_and_one_on_its_way_gets_no_second_order()
    {
        var id = await api.RegisterAsync("renew-1.example.com");

        Assert.Equal(HttpStatusCode.Accepted, (await RenewAsync(id)).StatusCode);
        await using var db = api.Open();
        Assert.Single(await db.Orders.Where(order => order.DomainId == id).ToListAsync());

        await db.Database.ExecuteSqlAsync(
            $"UPDATE orders SET state = 'Failed', closed_at = now(), next_attempt_at = NULL WHERE domain_id = {id}");
        await db.Database.ExecuteSqlAsync($"UPDATE domains SET status = 'Failed' WHERE id = {id}");
        await ApiFixture.ProblemAsync(await RenewAsync(id), 409, "domain-not-served");
        await db.Database.ExecuteSqlAsync($"UPDATE domains SET status = 'Deleting' WHERE id = {id}");
        await ApiFixture.ProblemAsync(await RenewAsync(id), 409, "domain-deleted");
    }

    [Fact]
    public async Task A_served_domain_gets_one_successor_however_often_it_is_asked_for()
    {
        var id = await api.RegisterAsync("renew-2.example.com");
        var bundle = Guid.CreateVersion7();
        await ServedAsync(id, bundle, madeAt: api.Clock.GetUtcNow());

        await RenewAsync(id);
        Assert.Single(await OrdersAsync(id));

        await ServedAsync(id, bundle, madeAt: api.Clock.GetUtcNow().AddHours(-2));
        await RenewAsync(id);
        var answer = await ApiFixture.ReadAsync(await RenewAsync(id));

        Assert.Equal("active", answer["status"]!.ToString());
        var orders = await OrdersAsync(id);
        Assert.Equal([OrderKind.New, OrderKind.Renewal], orders.Select(order => order.Kind));
    }

    private Task<HttpResponseMessage> RenewAsync(Guid id) => api.Acme.PostAsync($"/v1/domains/{id}/renew", null);

    private async Task<List<Order>> OrdersAsync(Guid id)
    {
        await using var db = api.Open();
        return await db.Orders.AsNoTracking().Where(order => order.DomainId == id).OrderBy(order => order.Sequence)
            .ToListAsync();
    }

    private async Task ServedAsync(Guid id, Guid bundle, DateTimeOffset madeAt)
    {
        await using var db = api.Open();
        var fingerprint = Convert.ToHexStringLower([.. bundle.ToByteArray(), .. bundle.ToByteArray()]);
        var (at, end) = (madeAt.ToUniversalTime(), madeAt.AddDays(90).ToUniversalTime());
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO chains (id, intermediates) VALUES ({fingerprint}, ARRAY[]::bytea[]) ON CONFLICT DO NOTHING");
        await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO bundles (id, domain_id, order_id, key_id, chain_id, leaf, issuer, serial, fingerprint,
                 not_before, not_after, created_at)
             SELECT {bundle}, domain_id, id, {bundle}, {fingerprint}, '\x00', 'CN=Test', {fingerprint}, {fingerprint},
                 {at}, {end}, {at}
             FROM orders WHERE domain_id = {id} AND kind = 'New'
             ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at
             """);
        await db.Database.ExecuteSqlAsync(
            $"UPDATE orders SET state = 'Active', bundle_id = {bundle}, next_attempt_at = NULL WHERE domain_id = {id}");
        await db.Database.ExecuteSqlAsync(
            $"UPDATE domains SET status = 'Active', active_bundle_id = {bundle} WHERE id = {id}");
    }
}
