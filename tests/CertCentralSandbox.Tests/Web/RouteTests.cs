using CertCentralSandbox.Tests.Harness;

namespace CertCentralSandbox.Tests.Web;

public sealed class RouteTests
{
    private const string Name = "shop.routes.test";

    [Theory]
    [InlineData("GET", "user/me", 200)]
    [InlineData("GET", "organization", 200)]
    [InlineData("GET", "product", 200)]
    [InlineData("GET", "product/ssl_dv_geotrust", 200)]
    [InlineData("GET", "product/none", 404)]
    [InlineData("GET", "request", 200)]
    [InlineData("GET", "request/1", 404)]
    [InlineData("GET", "order/certificate", 200)]
    [InlineData("GET", "order/certificate/{id}", 200)]
    [InlineData("GET", "order/certificate/1", 404)]
    [InlineData("GET", "order/certificate/{id}/validation", 200)]
    [InlineData("GET", "order/certificate/{id}/reissue", 200)]
    [InlineData("GET", "order/certificate/{id}/duplicate", 200)]
    [InlineData("GET", "order/alternate/alt-shop.routes.test", 200)]
    [InlineData("GET", "order/alternate/none", 404)]
    [InlineData("PUT", "order/certificate/{id}/check-dcv", 200)]
    [InlineData("PUT", "order/certificate/{id}/resend-emails", 204)]
    [InlineData("PUT", "order/certificate/{id}/dcv-random-value", 400)]
    [InlineData("GET", "certificate/{cert}/chain", 200)]
    [InlineData("GET", "certificate/{cert}/download/format/default", 200)]
    [InlineData("GET", "certificate/{cert}/download/format/p7b", 200)]
    [InlineData("GET", "certificate/{cert}/download/format/none", 400)]
    [InlineData("GET", "certificate/{cert}/download/platform", 200)]
    [InlineData("GET", "certificate/{cert}/download/platform/29", 200)]
    [InlineData("GET", "certificate/download/order/{id}", 200)]
    [InlineData("GET", "certificate/download/order/{id}/format/pem_all", 200)]
    [InlineData("GET", "certificate/1/download/format/pem_all", 404)]
    [InlineData("POST", "account/auth-key", 200)]
    [InlineData("POST", "account/auth-key/30", 200)]
    [InlineData("GET", "webhook", 404)]
    [InlineData("GET", "webhook/event-logs", 200)]
    [InlineData("GET", "no/such/route", 404)]
    [InlineData("GET", "/", 200)]
    [InlineData("GET", "/sandbox/root.pem", 200)]
    [InlineData("GET", "/sandbox/intermediate.crt", 200)]
    [InlineData("GET", "/sandbox/revoked.crl", 200)]
    [InlineData("GET", "/sandbox/stats", 200)]
    [InlineData("GET", "/sandbox/clock", 200)]
    [InlineData("POST", "/sandbox/clock", 400)]
    public async Task A_route_answers(string method, string path, int status)
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, certificateId) = await sandbox.IssueAsync(Name);

        var answer = await sandbox.CallAsync(
            new HttpMethod(method),
            path.Replace("{id}", $"{id}", StringComparison.Ordinal)
                .Replace("{cert}", $"{certificateId}", StringComparison.Ordinal));

        Assert.Equal(status, answer.Status);
    }

    [Fact]
    public async Task An_unknown_route_says_so_and_the_front_page_says_what_this_is()
    {
        await using var sandbox = await Sandbox.StartAsync();

        Assert.Equal("not_found|route", (await sandbox.GetAsync("no/such/route")).Code);
        var page = (await sandbox.GetAsync("/")).Text;
        Assert.Contains("not affiliated with DigiCert", page, StringComparison.Ordinal);
        Assert.Contains("No browser trusts", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("common_name", "bad name.test", "invalid_dns_name")]
    [InlineData("common_name", "name.test\nx", "invalid_dns_name")]
    [InlineData("common_name", "127.0.0.1", "invalid_dns_name")]
    [InlineData("common_name", "*.wild.test", "invalid_wildcard_dcv_method")]
    [InlineData("csr", "nonsense", "csr_invalid_cannot_parse")]
    [InlineData("signature_hash", "sha1", "invalid_signature_hash")]
    public async Task A_bad_certificate_part_is_refused_and_nothing_is_ordered(string field, string value, string code)
    {
        await using var sandbox = await Sandbox.StartAsync();
        var ask = Buying.Ask(Name).WithCertificate("dns_names", Array.Empty<string>()).WithCertificate(field, value);

        var answer = await sandbox.PostAsync("order/certificate/ssl_dv_geotrust_flex", ask);

        Assert.Equal((400, code), (answer.Status, answer.Code));
        Assert.Equal(0, (await sandbox.StatsAsync()).GetProperty("orders").GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task Order_terms_are_checked()
    {
        await using var sandbox = await Sandbox.StartAsync();

        Assert.Equal("not_found|product", (await sandbox.PostAsync("order/certificate/x", Buying.Ask(Name))).Code);
        Assert.Equal("ambiguous_product", (await sandbox.PostAsync("order/certificate/ssl", Buying.Ask(Name))).Code);
        Assert.Equal("invalid_order_validity", await CodeAsync(Buying.Ask(Name).With("order_validity", null)));
        Assert.Equal("too_many_dns_names", await CodeAsync(Buying.Ask(Name, "other.routes.test")));
        Assert.Equal("auth_key_not_setup", await CodeAsync(Buying.Ask(Name).With("use_auth_key", true)));
        Assert.Equal("order_not_renewable", await CodeAsync(Buying.Ask(Name).With("renewal_of_order_id", 1)));
        Assert.Equal("cert_validity_exceeds_order_validity", await CodeAsync(Buying.Ask(Name)
            .With("order_validity", new { days = 30 }).WithCertificate("cert_validity", new { days = 60 })));
        using var client = sandbox.ClientWithKey(Sandbox.ApiKey);
        using var content = new StringContent("{");
        using var unreadable = await client.PostAsync("/services/v2/order/certificate/ssl_dv_geotrust", content);
        Assert.Contains("bad_request_format", await unreadable.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        async Task<string?> CodeAsync(object ask) =>
            (await sandbox.PostAsync("order/certificate/ssl_dv_geotrust", ask)).Code;
    }

    [Fact]
    public async Task Legacy_validity_fields_and_quoted_numbers_are_taken()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var ask = Buying.Ask(Name).With("order_validity", null).With("validity_years", "1").With("skip_approval", 1);

        Assert.Equal(201, (await sandbox.PostAsync("order/certificate/ssl_dv_geotrust", ask)).Status);
    }

    [Fact]
    public async Task Orders_are_listed_with_filters_sorting_and_paging()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.IssueAsync("a.routes.test");
        foreach (var name in (string[])["b.routes.test", "c.routes.test", "d.other.test"])
        {
            await sandbox.OrderAsync(name);
        }

        Assert.Equal(["a.routes.test"], await NamesAsync("filters[status]=issued"));
        Assert.Equal(3, (await NamesAsync("filters%5Bstatus%5D%5B0%5D=pending")).Length);
        Assert.Equal(4, (await NamesAsync("filters[status][0]=pending&filters[status][1]=issued")).Length);
        Assert.Equal(["d.other.test"], await NamesAsync("filters[common_name]=%25.other.test"));
        Assert.Equal(["b.routes.test"], await NamesAsync("filters[search]=b.rou"));
        Assert.Equal(4, (await NamesAsync("filters[date_created]=2020-01-01...2100-01-01")).Length);
        Assert.Empty(await NamesAsync("filters[date_created]=<2020-01-01"));
        Assert.Equal(["c.routes.test", "b.routes.test"], await NamesAsync("sort=-order_id&offset=1&limit=2"));
        Assert.Equal(400, (await sandbox.GetAsync("order/certificate?filters[nonsense]=1")).Status);

        async Task<string[]> NamesAsync(string query) =>
            [.. (await sandbox.GetAsync("order/certificate?" + query))["orders"].EnumerateArray()
                .Select(o => o.GetProperty("certificate").GetProperty("common_name").GetString()!)];
    }

    [Fact]
    public async Task Status_changes_tell_what_moved_in_the_window()
    {
        await using var sandbox = await Sandbox.StartAsync();
        const string route = "order/certificate/status-changes";
        Assert.Empty((await sandbox.GetAsync(route + "?minutes=10")).Json.EnumerateObject());
        var (id, certificateId) = await sandbox.IssueAsync(Name);

        foreach (var window in (string[])["minutes=10", "seconds=600"])
        {
            var order = Assert.Single((await sandbox.GetAsync($"{route}?{window}"))["orders"].EnumerateArray());
            Assert.Equal(id, order.GetProperty("order_id").GetInt64());
            Assert.Equal(certificateId, order.GetProperty("certificate_id").GetInt64());
            Assert.Equal("issued", order.GetProperty("status").GetString());
        }

        Assert.Empty((await sandbox.GetAsync(route + "?filters[status_last_updated]=2020-01-01...2020-01-03"))
            .Json.EnumerateObject());
        Assert.Equal("time_frame_too_long", (await sandbox.GetAsync(route + "?minutes=10081")).Code);
        Assert.Equal("time_frame_too_long", (await sandbox.GetAsync(route + "?seconds=604801")).Code);
        Assert.Equal(400, (await sandbox.GetAsync(route)).Status);
    }

    [Fact]
    public async Task The_quota_of_100_calls_in_5_s_is_enforced_and_steering_is_free()
    {
        await using var sandbox = await Sandbox.StartAsync(o => o with { RateLimit = true });

        var statuses = await Task.WhenAll(Enumerable.Range(0, 150).Select(async _ =>
            (await sandbox.GetAsync("user/me")).Status));

        Assert.Contains(429, statuses);
        Assert.True(statuses.Count(s => s == 200) >= 100);
        Assert.Equal(200, (await sandbox.GetAsync("/sandbox/stats")).Status);
    }
}
