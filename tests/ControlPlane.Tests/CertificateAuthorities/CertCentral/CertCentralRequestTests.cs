using System.Text.Json;
using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.CertCentral;
using Microsoft.AspNetCore.Http;

namespace ControlPlane.Tests.CertificateAuthorities.CertCentral;

/// <summary>What leaves us, route by route.</summary>
public sealed class CertCentralRequestTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private static readonly OrderRequest Asked = new(
        Guid.Parse("0190f3a0-0000-7000-8000-000000000001"), "shop.test", [0x30, 0], CallPriority.Renewal);

    [Fact]
    public async Task An_order_says_everything_the_api_needs_and_nothing_null()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(201, """{ "id": 61 }"""));

        await bench.PlaceAsync();

        var call = Assert.Single(bench.Ca.Seen);
        Assert.Equal(("POST", "order/certificate/ssl_dv_geotrust"), (call.Method, call.Path));
        Assert.Equal("application/json", call.Headers["Content-Type"]);
        Assert.Equal(call.Body.Length.ToString(), call.Headers["Content-Length"]);
        using var sent = JsonDocument.Parse(call.Body);
        using var wanted = JsonDocument.Parse("""
            {
              "certificate": {
                "common_name": "shop.test", "dns_names": ["shop.test"],
                "csr": "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n",
                "signature_hash": "sha256", "server_platform": { "id": -1 }
              },
              "order_validity": { "years": 1 },
              "dcv_method": "http-token", "payment_method": "balance", "skip_approval": true,
              "disable_renewal_notifications": true, "auto_renew": 0, "auto_reissue": 0,
              "alternative_order_id": "0190f3a0-0000-7000-8000-000000000001"
            }
            """);
        Assert.True(JsonElement.DeepEquals(wanted.RootElement, sent.RootElement), call.Body);
    }

    [Fact]
    public async Task Product_validity_and_container_come_from_the_settings()
    {
        await using var bench = await CertCentralBench.StartAsync(
            o => o with { Product = "ssl_dv_rapidssl", CertificateValidityDays = 90, ContainerId = 5 },
            ScriptedCa.Json(201, """{ "id": 61 }"""));

        await bench.PlaceAsync();

        var call = Assert.Single(bench.Ca.Seen);
        Assert.Equal("order/certificate/ssl_dv_rapidssl", call.Path);
        Assert.Contains("\"cert_validity\":{\"days\":90}", call.Body);
        Assert.Contains("\"container\":{\"id\":5}", call.Body);
    }

    [Theory]
    [InlineData("610000123", ",\"renewal_of_order_id\":610000123")]
    [InlineData("https://acme.example/order/7", "")]
    public async Task A_renewal_names_the_order_it_follows_when_that_is_one_of_this_ca(string before, string sent)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(201, """{ "id": 61 }"""));

        await bench.Authority.PlaceOrderAsync(Asked with { RenewalOf = before }, Ct);

        var body = Assert.Single(bench.Ca.Seen).Body;
        Assert.Equal(sent.Length > 0, body.Contains("renewal_of_order_id", StringComparison.Ordinal));
        Assert.Contains(sent, body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, true)]
    [InlineData(80, false)]
    public async Task A_reissue_asks_for_no_longer_life_than_its_order_has_left(int daysLeft, bool isAsked)
    {
        await using var bench = await CertCentralBench.StartAsync(
            o => o with { CertificateValidityDays = 90 }, ScriptedCa.Json(201, """{ "id": 61 }"""));

        var end = TimeProvider.System.GetUtcNow().AddDays(daysLeft);
        await bench.Authority.ReissueAsync("61", Asked with { CoveredUntil = end }, Ct);

        var body = Assert.Single(bench.Ca.Seen).Body;
        Assert.Equal(isAsked, body.Contains("\"cert_validity\":{\"days\":90}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_route_is_where_the_documentation_puts_it()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200, "{}"));
        var api = bench.Client;
        var certificate = new CertificateBody { CommonName = "a.test", DnsNames = ["a.test"], Csr = "PEM" };
        var reissue = new ReissueBody { Certificate = certificate };
        var revoke = new RevokeBody("superseded", "replaced");

        await api.ReissueAsync("7", reissue, CallPriority.Renewal, Ct);
        await api.DuplicateAsync("7", reissue, CallPriority.Renewal, Ct);
        await api.GetOrderAsync("7", Ct);
        await api.FindByAlternativeIdAsync("a/b", Ct);
        await api.StatusChangesAsync(600, Ct);
        await api.ListOrdersAsync(new OrderQuery("pending", Offset: 1000), Ct);
        await api.GetValidationAsync("7", Ct);
        await api.CheckDcvAsync("7", Ct);
        await api.DcvRandomValueAsync("7", Ct);
        await api.DownloadPemAsync("9", Ct);
        await api.GetChainAsync("9", Ct);
        await api.CancelOrderAsync("7", new CancelBody("orphan"), Ct);
        await api.RevokeOrderAsync("7", revoke, Ct);
        await api.RevokeCertificateAsync("9", revoke, Ct);
        await api.GetRequestAsync("8", Ct);
        await api.ListProductsAsync(Ct);
        await api.GetProductAsync("ssl_dv_geotrust", Ct);
        await api.GetMeAsync(Ct);

        Assert.Equal(
            [
                "POST order/certificate/7/reissue",
                "POST order/certificate/7/duplicate",
                "GET order/certificate/7",
                "GET order/alternate/a%2Fb",
                "GET order/certificate/status-changes?seconds=600",
                "GET order/certificate?filters[status]=pending&sort=-date_created&offset=1000&limit=1000",
                "GET order/certificate/7/validation",
                "PUT order/certificate/7/check-dcv",
                "PUT order/certificate/7/dcv-random-value",
                "GET certificate/9/download/format/pem_noroot",
                "GET certificate/9/chain",
                "PUT order/certificate/7/status",
                "PUT order/certificate/7/revoke",
                "PUT certificate/9/revoke",
                "GET request/8",
                "GET product",
                "GET product/ssl_dv_geotrust",
                "GET user/me",
            ],
            bench.Ca.Seen.Select(c => $"{c.Method} {c.Path}"));
        Assert.Contains("""{"note":"orphan","status":"canceled"}""", bench.Ca.Seen.Select(c => c.Body));
        Assert.Contains(
            """{"revocation_reason":"superseded","comments":"replaced","skip_approval":true}""",
            bench.Ca.Seen.Select(c => c.Body));
        Assert.All(bench.Ca.Seen, c => Assert.Equal(CertCentralBench.Key, c.Headers["X-DC-DEVKEY"]));
        Assert.All(bench.Ca.Seen, c => Assert.NotEmpty(c.Headers["User-Agent"]));
        Assert.All(bench.Ca.Seen, c => Assert.Equal(
            c.Path.Contains("download") ? "application/x-pem-file" : "application/json", c.Headers["Accept"]));
    }

    [Fact]
    public async Task Every_call_is_reserved_before_it_is_sent_and_counted_by_route_and_result()
    {
        await using var bench = await CertCentralBench.StartAsync(
            ScriptedCa.Json(201, """{ "id": 61 }"""), ScriptedCa.Error(404, "not_found|order"));

        await bench.PlaceAsync();
        await Assert.ThrowsAsync<CertificateAuthorityException>(() => bench.Authority.ReadAsync("7", Ct));

        Assert.Equal([CallPriority.New, CallPriority.New], bench.Budget.Reserved);
        Assert.Equal(
            ["POST order/certificate/{id} ok 1", "GET order/certificate/{id} refused 1"], bench.Counted);
    }

    [Fact]
    public async Task Without_budget_nothing_is_sent_and_nothing_is_lost()
    {
        await using var bench = await CertCentralBench.StartAsync(
            o => o with { BudgetPatience = TimeSpan.FromMilliseconds(20) }, ScriptedCa.Json(201, """{ "id": 61 }"""));
        bench.Budget.Grant = ct => new TaskCompletionSource().Task.WaitAsync(ct);

        var failure = await Assert.ThrowsAsync<CertificateAuthorityException>(bench.PlaceAsync);

        Assert.Equal(CaFailure.NoBudget, failure.Failure);
        Assert.Empty(bench.Ca.Seen);
        Assert.Empty(bench.Counted);
    }

    [Fact]
    public async Task A_budget_in_trouble_means_not_sent()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(201, """{ "id": 61 }"""));
        bench.Budget.Grant = _ => throw new InvalidOperationException("database away");

        var failure = await Assert.ThrowsAsync<CertificateAuthorityException>(bench.PlaceAsync);

        Assert.Equal(CaFailure.NotDone, failure.Failure);
        Assert.Empty(bench.Ca.Seen);
    }

    [Fact]
    public async Task A_redirect_is_not_followed_because_the_key_would_go_along()
    {
        await using var elsewhere = await ScriptedCa.StartAsync(ScriptedCa.Json(200, "{}"));
        RequestDelegate redirect = ScriptedCa.With("Location", elsewhere.BaseUrl + "/user/me", ScriptedCa.Empty(302));
        await using var bench = await CertCentralBench.StartAsync(redirect);

        await Assert.ThrowsAsync<CertCentralException>(() => bench.Client.GetMeAsync(Ct));

        Assert.Empty(elsewhere.Seen);
    }
}
