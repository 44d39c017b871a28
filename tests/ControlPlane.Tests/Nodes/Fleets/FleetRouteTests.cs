using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Http;

namespace ControlPlane.Tests.Nodes.Fleets;

/// <summary>Fleets over the real program: made, named, registered into.</summary>
public sealed class FleetRouteTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_fleet_is_made_once_and_read_by_id_and_by_name()
    {
        var (id, name) = await MakeAsync();

        foreach (var reference in new[] { id, name })
        {
            var fleet = await ApiFixture.ReadAsync(await api.Support.GetAsync($"/v1/fleets/{reference}"));
            Assert.Equal((id, name), (fleet["id"]!.ToString(), fleet["name"]!.ToString()));
            Assert.Equal($"{name}.edge.saas.example", fleet["cnameTarget"]!.ToString());
            Assert.Equal("running", fleet["rollout"]!["state"]!.ToString());
            Assert.Equal(0, (int)fleet["rollout"]!["canaries"]!);
        }

        using var again = await api.Admin.PostAsJsonAsync(
            "/v1/fleets", new { name, cnameTarget = "other.edge.saas.example" });
        var problem = await ApiFixture.ProblemAsync(again, 409, "fleet-exists");
        Assert.Equal(id, problem["existing"]!.ToString());
        using var refused = await api.Support.PostAsJsonAsync("/v1/fleets", Body(NewName()));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Theory]
    [InlineData("""{"name":"Big","cnameTarget":"a.saas.example"}""", "name")]
    [InlineData("""{"name":"019cadc0-1a2b-7c3d-8e4f-5a6b7c8d9e0f","cnameTarget":"a.saas.example"}""", "name")]
    [InlineData("""{"cnameTarget":"a.saas.example"}""", "name")]
    [InlineData("""{"name":"lost"}""", "cnameTarget")]
    [InlineData("""{"name":"odd","cnameTarget":"-.example"}""", "cnameTarget")]
    [InlineData("""{"name":"odd","addresses":["198.51.100.300"]}""", "addresses")]
    [InlineData("""{"name":"odd","addresses":[null]}""", "addresses")]
    [InlineData("""{"name":"odd","cnameTarget":"a.saas.example","canaries":-1}""", "canaries")]
    public async Task A_fleet_that_could_not_be_used_is_refused_with_the_field(string body, string field)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await api.Admin.PostAsync("/v1/fleets", content);

        var problem = await ApiFixture.ProblemAsync(answer, 400, "invalid-field");
        Assert.Contains(problem["errors"]!.AsArray(), error => error!["field"]!.ToString() == field);
    }

    [Theory]
    [InlineData("""{"name":"NAME","cnameTarget":"edge.controlplane.example"}""")]
    [InlineData("""{"name":"NAME","addresses":["192.0.2.1"]}""")]
    public async Task No_two_fleets_share_a_way_in(string body)
    {
        using var content = new StringContent(
            body.Replace("NAME", NewName(), StringComparison.Ordinal), System.Text.Encoding.UTF8, "application/json");
        using var answer = await api.Admin.PostAsync("/v1/fleets", content);

        await ApiFixture.ProblemAsync(answer, 409, "fleet-way-taken");
    }

    [Fact]
    public async Task A_domain_goes_where_the_operator_says_else_to_its_tenants_fleet_else_to_the_configured_one()
    {
        var (id, name) = await MakeAsync();
        var (tenants, tenantsName) = await MakeAsync();
        var tenant = NewName();
        (await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = tenant })).EnsureSuccessStatusCode();

        Assert.Equal("default", (await RegisterAsync(new { hostname = NewHost(), tenant }))["fleet"]!.ToString());
        using var changed = await api.Admin.PutAsJsonAsync($"/v1/tenants/{tenant}/fleet", new { fleet = tenants });
        Assert.Equal(tenantsName, (await ApiFixture.ReadAsync(changed))["fleet"]!.ToString());
        Assert.Equal(tenantsName, (await RegisterAsync(new { hostname = NewHost(), tenant }))["fleet"]!.ToString());
        foreach (var fleet in new[] { id, name })
        {
            var domain = await RegisterAsync(new { hostname = NewHost(), tenant, fleet });
            Assert.Equal((id, name), (domain["fleetId"]!.ToString(), domain["fleet"]!.ToString()));
            Assert.Equal($"{name}.edge.saas.example", domain["dnsRecords"]![0]!["value"]!.ToString());
        }
    }

    [Fact]
    public async Task A_portal_does_not_choose_a_fleet_and_an_unknown_one_is_named()
    {
        var (_, name) = await MakeAsync();
        using var portal = await api.Acme.PostAsJsonAsync("/v1/domains", new { hostname = NewHost(), fleet = name });
        await ApiFixture.ProblemAsync(portal, 400, "fleet-not-allowed");

        using var nowhere = await api.Admin.PostAsJsonAsync(
            "/v1/domains", new { hostname = NewHost(), tenant = "acme", fleet = "nowhere" });
        await ApiFixture.ProblemAsync(nowhere, 400, "fleet-unknown");
        using var tenant = await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = NewName(), fleet = "nowhere" });
        await ApiFixture.ProblemAsync(tenant, 400, "fleet-unknown");
    }

    [Fact]
    public async Task Domains_and_nodes_are_listed_by_fleet()
    {
        var (id, name) = await MakeAsync();
        var tenant = NewName();
        (await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = tenant })).EnsureSuccessStatusCode();
        var here = await RegisterAsync(new { hostname = NewHost(), tenant, fleet = name });
        await RegisterAsync(new { hostname = NewHost(), tenant });
        var code = await ApiFixture.ReadAsync(
            await api.Admin.PostAsJsonAsync("/v1/nodes/join-codes", new { fleet = name }));
        var node = new TestNode(api.Anonymous, api.Clock, "here");
        await node.EnrolAsync(code["code"]!.ToString());
        await api.EnrolAsync($"elsewhere-{name}");

        foreach (var fleet in new[] { id, name })
        {
            var domains = await ApiFixture.ReadAsync(await api.Support.GetAsync($"/v1/domains?fleet={fleet}"));
            Assert.Equal($"{here["id"]}", $"{Assert.Single(domains["items"]!.AsArray())!["id"]}");
            var nodes = await ApiFixture.ReadAsync(await api.Support.GetAsync($"/v1/nodes?fleet={fleet}"));
            Assert.Equal($"{node.Id}", $"{Assert.Single(nodes["items"]!.AsArray())!["id"]}");
        }

        foreach (var list in new[] { "domains", "nodes" })
        {
            using var unknown = await api.Support.GetAsync($"/v1/{list}?fleet=nowhere");
            await ApiFixture.ProblemAsync(unknown, 400, "fleet-unknown");
        }

        using var portal = await api.Acme.GetAsync($"/v1/domains?fleet={name}");
        await ApiFixture.ProblemAsync(portal, 400, "fleet-not-allowed");
    }

    [Fact]
    public async Task The_target_of_any_fleet_is_nobodys_name()
    {
        var name = NewName();
        (await api.Admin.PostAsJsonAsync("/v1/fleets", new { name, cnameTarget = $"edge.{name}.com" }))
            .EnsureSuccessStatusCode();

        using var answer = await api.Acme.PostAsJsonAsync("/v1/domains", new { hostname = $"shop.{name}.com" });

        await ApiFixture.ProblemAsync(answer, 400, "hostname-ours");
    }

    [Fact]
    public async Task A_join_code_takes_a_fleet_by_name_or_id()
    {
        var (id, name) = await MakeAsync();
        foreach (var fleet in new[] { id, name })
        {
            var code = await ApiFixture.ReadAsync(
                await api.Admin.PostAsJsonAsync("/v1/nodes/join-codes", new { fleet }));
            Assert.Equal(name, code["fleet"]!.ToString());
        }
    }

    private async Task<(string Id, string Name)> MakeAsync()
    {
        var name = NewName();
        using var answer = await api.Admin.PostAsJsonAsync("/v1/fleets", Body(name));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var made = await ApiFixture.ReadAsync(answer);
        Assert.Equal($"/v1/fleets/{made["id"]}", answer.Headers.Location!.ToString());
        return (made["id"]!.ToString(), name);
    }

    private async Task<JsonNode> RegisterAsync(object body)
    {
        using var answer = await api.Admin.PostAsJsonAsync("/v1/domains", body);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return await ApiFixture.ReadAsync(answer);
    }

    private static object Body(string name) => new { name, cnameTarget = $"{name}.edge.saas.example" };

    private static string NewName() => $"f{Guid.NewGuid():N}"[..20];

    private static string NewHost() => $"d{Guid.NewGuid():N}"[..20] + ".example.com";
}
