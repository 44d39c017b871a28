using System.Net;
using System.Net.Http.Json;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http.Access;

public sealed class TenantTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_tenant_is_named_by_id_or_by_name_wherever_it_is_named()
    {
        var made = await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "hooli" });
        var id = (await ReadAsync(made))["id"]!.ToString();
        foreach (var reference in new[] { id, "hooli" })
        {
            Assert.Equal(id, (await ReadAsync(await api.Admin.GetAsync($"/v1/tenants/{reference}")))["id"]!.ToString());
            var key = await api.Admin.PostAsJsonAsync($"/v1/tenants/{reference}/keys", new { name = "a key" });
            Assert.Equal(HttpStatusCode.Created, key.StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await api.Admin.GetAsync(key.Headers.Location)).StatusCode);
            var domain = await ReadAsync(await api.Admin.PostAsJsonAsync(
                "/v1/domains", new { hostname = $"{reference[..5]}.example.com", tenant = reference }));
            Assert.Equal(id, domain["tenantId"]!.ToString());
            Assert.Equal("hooli", domain["tenant"]!.ToString());
        }

        Assert.Equal(HttpStatusCode.OK, (await api.Admin.GetAsync(made.Headers.Location)).StatusCode);
        await ProblemAsync(await api.Admin.GetAsync("/v1/tenants/nobody"), 404, "not-found");
        await ProblemAsync(await api.Admin.GetAsync($"/v1/tenants/{Guid.Empty}"), 404, "not-found");
    }

    [Theory]
    [InlineData("0197f3a2-5b1c-7d3e-9f40-2a6b8c9d0e1f")]
    [InlineData("a_b")]
    [InlineData("-a")]
    [InlineData("")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public async Task A_name_that_could_be_an_id_or_is_none_is_refused(string name) => await ProblemAsync(
        await api.Admin.PostAsJsonAsync("/v1/tenants", new { name }), 400, "invalid-field");

    [Fact]
    public async Task A_disabled_tenants_keys_are_refused_and_its_domains_stay()
    {
        await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "vandelay" });
        var key = await ReadAsync(
            await api.Admin.PostAsJsonAsync("/v1/tenants/vandelay/keys", new { name = "portal" }));
        using var portal = api.WithKey(key["secret"]!.ToString());
        var domain = await api.RegisterAsync("vandelay.example.com", portal);

        var disabled = await ReadAsync(await api.Admin.PostAsync("/v1/tenants/vandelay/disable", null));
        Assert.NotNull(disabled["disabledAt"]);
        await ProblemAsync(await portal.GetAsync($"/v1/domains/{domain}"), 403, "tenant-disabled");
        Assert.Equal(
            "pending", (await ReadAsync(await api.Support.GetAsync($"/v1/domains/{domain}")))["status"]!.ToString());
        var again = await ReadAsync(await api.Admin.PostAsync("/v1/tenants/vandelay/disable", null));
        Assert.Equal(disabled["disabledAt"]!.ToString(), again["disabledAt"]!.ToString());

        var enabled = await ReadAsync(await api.Admin.PostAsync("/v1/tenants/vandelay/enable", null));
        Assert.Null(enabled["disabledAt"]);
        Assert.Equal(HttpStatusCode.OK, (await portal.GetAsync($"/v1/domains/{domain}")).StatusCode);
    }

    [Fact]
    public async Task Pages_of_tenants_and_keys_are_complete_and_in_order()
    {
        await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "paged" });
        for (var i = 0; i < 3; i++)
        {
            await api.Admin.PostAsJsonAsync("/v1/tenants/paged/keys", new { name = $"key {i}" });
        }

        var names = new List<string>();
        string? cursor = null;
        do
        {
            var page = await ReadAsync(await api.Admin.GetAsync(
                $"/v1/tenants/paged/keys?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}"));
            names.AddRange(page["items"]!.AsArray().Select(item => item!["name"]!.ToString()));
            cursor = page["nextCursor"]?.ToString();
        }
        while (cursor is not null);

        Assert.Equal(["key 0", "key 1", "key 2"], names);
    }
}
