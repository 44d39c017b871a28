using System.Net;
using System.Net.Http.Json;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Sweeps;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Domains.Sweeps;

/// <summary>Threat: CA webhook forged.</summary>
public sealed class CertCentralHookTests(CertCentralHookTests.Fixture api, PostgresDatabase database)
    : IClassFixture<CertCentralHookTests.Fixture>, IClassFixture<PostgresDatabase>
{
    private const string Path = "/v1/hooks/certcentral";
    private const string CaSecret = "a-secret-of-thirty-two-characters-or-more";

    private static readonly object Issued = new { @event = "certificate_issued", data = new { order_id = 4711 } };

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a-secret-of-thirty-two-characters-or-les")]
    public async Task Without_the_secret_a_hint_changes_nothing(string? key)
    {
        var order = await WaitingAsync($"stranger{key?.Length}.example.com");

        var answer = await SendAsync(Issued, key);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(order.NextAttemptAt, (await ReadAsync(order.Id)).NextAttemptAt);
    }

    [Fact]
    public async Task With_it_the_order_is_looked_at_now_once_a_minute_and_nothing_it_says_is_believed()
    {
        var order = await WaitingAsync("hinted.example.com");

        Assert.Equal(HttpStatusCode.NoContent, (await SendAsync(Issued, CaSecret)).StatusCode);

        var hinted = await ReadAsync(order.Id);
        Assert.True(hinted.NextAttemptAt <= api.Clock.GetUtcNow(), $"Still to be looked at at {hinted.NextAttemptAt}.");
        Assert.Equal((OrderState.PendingIssuance, "pending", null), (hinted.State, hinted.CaStatus, hinted.BundleId));
        Assert.Contains(OrderState.PendingIssuance, api.Wakes);

        Assert.Equal(HttpStatusCode.NoContent, (await SendAsync(Issued, CaSecret)).StatusCode);
        Assert.Equal(hinted.Nudges, (await ReadAsync(order.Id)).Nudges);
    }

    [Fact]
    public async Task An_order_that_was_forged_to_be_issued_is_read_at_the_ca_and_waits_on()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Pending);
        bench.Ca.OnDownload = () => throw new InvalidOperationException("Nothing is issued: nobody may ask for it.");
        await bench.SqlAsync($"UPDATE orders SET nudges = nudges + 1 WHERE id = {order.Id}");

        var after = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingIssuance, "ca-issuing"), (after.State, after.Reason));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"data":{"order_id":"1; DROP TABLE orders"}}""")]
    [InlineData("""{"data":null}""")]
    public async Task What_names_no_order_is_told_so(string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add(CertCentralHook.KeyHeader, CaSecret);

        Assert.Equal(HttpStatusCode.BadRequest, (await api.Anonymous.SendAsync(request)).StatusCode);
    }

    private async Task<HttpResponseMessage> SendAsync(object body, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = JsonContent.Create(body) };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation(CertCentralHook.KeyHeader, key);
        }

        return await api.Anonymous.SendAsync(request);
    }

    /// <summary>An order that the CA has, and that is to be looked at in an hour.</summary>
    private async Task<Order> WaitingAsync(string hostname)
    {
        var domain = await api.RegisterAsync(hostname);
        var later = api.Clock.GetUtcNow().AddHours(1).ToUniversalTime();
        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync($"UPDATE orders SET ca_order_id = 'another' WHERE ca_order_id = '4711'");
        await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE orders SET state = 'PendingIssuance', ca_order_id = '4711', ca_status = 'pending',
                 next_attempt_at = {later}
             WHERE domain_id = {domain}
             """);
        var order = await db.Orders.AsNoTracking().SingleAsync(row => row.DomainId == domain);
        return await ReadAsync(order.Id);
    }

    private async Task<Order> ReadAsync(Guid id)
    {
        await using var db = api.Open();
        return await db.Orders.AsNoTracking().SingleAsync(row => row.Id == id);
    }

    /// <summary>The program with a webhook set up.</summary>
    public sealed class Fixture(PostgresFixture server) : ApiFixture(server)
    {
        protected override IReadOnlyDictionary<string, string?> Settings =>
            new Dictionary<string, string?>(base.Settings) { ["CertCentral:WebhookSecret"] = CaSecret };
    }
}
