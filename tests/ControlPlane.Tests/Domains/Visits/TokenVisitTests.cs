using System.Net;
using System.Net.Http.Json;
using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains.Visits;
using ControlPlane.Tests.Http;
using ControlPlane.Tests.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Domains.Visits;

public sealed class TokenVisitTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    private const string CaAgent = "DigiCert DCV Bot/1.1";
    private int _reports;

    [Fact]
    public async Task Who_fetched_the_token_stands_on_the_domain()
    {
        var (id, order, node) = await DomainAsync("visited");

        await TellAsync(
            node,
            Visit(order, "192.0.2.1", CaAgent), Visit(order, "192.0.2.1", CaAgent), Visit(order, "192.0.2.2", CaAgent),
            Visit(order, "192.0.2.3", CaAgent) with { Status = 404, Bytes = 0 },
            Visit(order, "192.0.2.4", "ControlPlane"), Visit(order, "192.0.2.5", "curl/8"));

        var domain = await ApiFixture.ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}"));
        Assert.Equal(2, domain["validation"]!["arrived"]!.GetValue<int>());
        Assert.Equal(5, domain["validation"]!["expected"]!.GetValue<int>());
        var visits = await ApiFixture.ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}/token-visits"));
        Assert.Equal(
            ["ca 200", "ca 200", "ca 200", "ca 404", "us 200", "stranger 200"],
            visits["items"]!.AsArray().Select(visit => $"{visit!["visitor"]} {visit["status"]}"));
        Assert.Equal("192.0.2.1", visits["items"]![0]!["source"]!.ToString());
        await ApiFixture.ProblemAsync(await api.Globex.GetAsync($"/v1/domains/{id}/token-visits"), 404, "not-found");
    }

    /// <summary>Threat: exhaustion. Fails when a stranger, or a node, can fill the table or drive others out of
    /// it.</summary>
    [Fact]
    public async Task One_source_is_kept_ten_times_and_one_order_two_hundred_times()
    {
        var (id, order, node) = await DomainAsync("flooded");
        await TellAsync(node, [.. Enumerable.Repeat(Visit(order, "192.0.2.1", "flood"), 300)]);
        await TellAsync(node, [.. Enumerable.Repeat(Visit(order, "192.0.2.1", "flood"), 300)]);
        await TellAsync(node, Visit(order, "192.0.2.2", CaAgent));
        Assert.Equal(11, await CountAsync(id));

        await TellAsync(
            node, [.. Enumerable.Range(0, 300).Select(i => Visit(order, $"198.51.100.{i % 250}", "flood"))]);
        Assert.Equal(ToldVisits.MostPerOrder, await CountAsync(id));
    }

    [Fact]
    public async Task A_node_tells_only_of_its_own_fleets_orders()
    {
        var (id, order, _) = await DomainAsync("foreign");
        await ApiFixture.ReadAsync(await api.Admin.PostAsJsonAsync(
            "/v1/fleets", new { name = "elsewhere", cnameTarget = "elsewhere.controlplane.example" }));
        var code = await ApiFixture.ReadAsync(
            await api.Admin.PostAsJsonAsync("/v1/nodes/join-codes", new { fleet = "elsewhere" }));
        var stranger = new TestNode(api.Anonymous, api.Clock, "visits-stranger");
        await stranger.EnrolAsync(code["code"]!.ToString());

        await TellAsync(stranger, Visit(order, "192.0.2.1", CaAgent));

        Assert.Equal(0, await CountAsync(id));
    }

    [Fact]
    public async Task A_visit_that_cannot_be_refuses_the_report()
    {
        var (_, order, node) = await DomainAsync("faulty");
        TokenVisit?[] faulty =
        [
            null, Visit(0, "192.0.2.1", null), Visit(order, "here", null), Visit(order, null, new string('a', 201)),
            Visit(order, null, "a\0b"), Visit(order, null, null) with { Status = 7 },
            Visit(order, null, null) with { Bytes = -1 },
        ];
        foreach (var visit in faulty)
        {
            var failure = await Assert.ThrowsAsync<HttpRequestException>(() => TellAsync(node, visit!));
            Assert.Equal(HttpStatusCode.BadRequest, failure.StatusCode);
        }
    }

    [Fact]
    public async Task Visits_are_forgotten_after_thirty_days_and_none_lies_in_the_future()
    {
        var (id, order, node) = await DomainAsync("forgotten");
        await TellAsync(
            node, Visit(order, "192.0.2.1", CaAgent) with { At = api.Clock.GetUtcNow().AddDays(-31) },
            Visit(order, "192.0.2.2", CaAgent) with { At = api.Clock.GetUtcNow().AddDays(31) });

        await new VisitSweep(
            api.Services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>(), api.Clock).RunAsync(default);

        await using var db = api.Open();
        var left = await db.TokenVisits.SingleAsync(
            visit => db.Orders.Any(row => row.Id == visit.OrderId && row.DomainId == id));
        Assert.Equal("192.0.2.2", left.Source);
        Assert.True(left.At <= api.Clock.GetUtcNow());
    }

    private async Task<(Guid Id, long Order, TestNode Node)> DomainAsync(string name)
    {
        var id = await api.RegisterAsync($"{name}.example.com");
        await using var db = api.Open();
        var order = await db.Orders.SingleAsync(row => row.DomainId == id);
        return (id, order.Sequence, await api.EnrolAsync($"visits-{name}"));
    }

    private async Task<int> CountAsync(Guid domain)
    {
        await using var db = api.Open();
        return await db.TokenVisits.CountAsync(
            visit => db.Orders.Any(order => order.Id == visit.OrderId && order.DomainId == domain));
    }

    private TokenVisit Visit(long order, string? source, string? agent) =>
        new(order, api.Clock.GetUtcNow(), source, agent, 200, 32);

    private async Task TellAsync(TestNode node, params TokenVisit[] visits) => await node.ReportAsync(
        new ObservedStateReport(++_reports, 1, 0, false, null, "1.0", []) { Visits = visits });
}
