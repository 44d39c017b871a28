using System.Net;
using System.Net.Http.Json;
using ControlPlane.Domains;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Domains;

public sealed class RegisterDomainTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task The_answer_holds_the_records_to_create_and_who_must_act()
    {
        var response = await api.Acme.PostAsJsonAsync("/v1/domains", new { hostname = "shop.example.com" });
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        var domain = await ReadAsync(response);
        Assert.Equal($"/v1/domains/{domain["id"]}", response.Headers.Location!.OriginalString);
        Assert.Equal("pending", domain["status"]!.ToString());
        Assert.Equal("none", domain["waitingOn"]!.ToString());
        Assert.Equal("dns-unchecked", domain["reason"]!["code"]!.ToString());
        Assert.Equal("pending", domain["ownership"]!["status"]!.ToString());
        Assert.Equal("none", domain["certificate"]!["status"]!.ToString());
        Assert.Equal(0, (int)domain["delivery"]!["nodesTotal"]!);
        Assert.Equal("CNAME", domain["dnsRecords"]![0]!["type"]!.ToString());
        Assert.Equal("edge.controlplane.example", domain["dnsRecords"]![0]!["value"]!.ToString());
        Assert.Contains(OrderState.PendingDns, api.Wakes);

        var read = await ReadAsync(await api.Acme.GetAsync(response.Headers.Location));
        Assert.Equal(domain["hostname"]!.ToString(), read["hostname"]!.ToString());
        var events = await ReadAsync(await api.Acme.GetAsync(response.Headers.Location + "/events"));
        Assert.Equal("domain.registered", Assert.Single(events["items"]!.AsArray())!["type"]!.ToString());
        await using var db = api.Open();
        var order = await db.Orders.SingleAsync(row => row.Hostname == "shop.example.com");
        Assert.Equal(OrderState.PendingDns, order.State);
        Assert.NotNull(order.NextAttemptAt);
    }

    [Fact]
    public async Task An_apex_gets_addresses_because_it_cannot_have_a_CNAME()
    {
        var id = await api.RegisterAsync("apex-example.co.uk");
        var records = (await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}")))["dnsRecords"]!.AsArray();
        Assert.Equal(
            ["A 192.0.2.1", "AAAA 2001:db8::1"], records.Select(record => $"{record!["type"]} {record["value"]}"));
    }

    [Fact]
    public async Task Of_a_hundred_parallel_registrations_one_wins_and_the_others_are_told()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ =>
            api.Acme.PostAsJsonAsync("/v1/domains", new { hostname = "race.example.com" })));

        var winner = await ReadAsync(Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.Created));
        foreach (var loser in answers.Where(answer => answer.StatusCode != HttpStatusCode.Created))
        {
            var problem = await ProblemAsync(loser, 409, "already-registered");
            Assert.Equal(winner["id"]!.ToString(), problem["existing"]!.ToString());
        }

        await using var db = api.Open();
        Assert.Equal(1, await db.Orders.CountAsync(order => order.Hostname == "race.example.com"));
    }

    [Fact]
    public async Task An_operator_says_for_whom()
    {
        await ProblemAsync(
            await api.Support.PostAsJsonAsync("/v1/domains", new { hostname = "for.example.com" }), 400,
            "tenant-required");
        await ProblemAsync(
            await api.Admin.PostAsJsonAsync("/v1/domains", new { hostname = "for.example.com", tenant = "nobody" }),
            400, "tenant-unknown");
        var made = await api.Support.PostAsJsonAsync(
            "/v1/domains", new { hostname = "for.example.com", tenant = "acme", keyAlgorithm = "rsa2048" });
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var read = await ReadAsync(await api.Acme.GetAsync(made.Headers.Location));
        Assert.Equal("rsa2048", read["keyAlgorithm"]!.ToString());
    }

    [Fact]
    public async Task A_refused_name_comes_with_its_remedy()
    {
        var answer = await api.Acme.PostAsJsonAsync("/v1/domains", new { hostname = "Shop.Example.com" });
        var problem = await ProblemAsync(answer, 400, "hostname-upper-case");
        Assert.Equal("Send shop.example.com", problem["fix"]![0]!["text"]!.ToString());
        Assert.Equal("hostname", problem["errors"]![0]!["field"]!.ToString());
    }
}
