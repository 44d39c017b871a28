using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Domains.Ownership;

/// <summary>What a registration answers when the name is, or was, another tenant's.</summary>
public sealed class RegisterContestedTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task Another_tenant_gets_a_record_to_create_and_learns_nothing_of_the_owner()
    {
        var id = await api.RegisterAsync("taken.example.com");

        var domain = await RegisterAsync(api.Globex, "taken.example.com");

        Assert.Equal("pending", domain["status"]!.ToString());
        Assert.Equal("customer", domain["waitingOn"]!.ToString());
        Assert.Equal("ownership-unproven", domain["reason"]!["code"]!.ToString());
        Assert.Equal("contested", domain["ownership"]!["status"]!.ToString());
        Assert.Equal("txt", domain["ownership"]!["method"]!.ToString());
        var record = domain["ownership"]!["record"]!;
        Assert.Equal("_ownership.taken.example.com", record["name"]!.ToString());
        Assert.Contains(
            domain["dnsRecords"]!.AsArray(), shown => shown!["value"]!.ToString() == record["value"]!.ToString());
        Assert.Contains(
            domain["fix"]!.AsArray(),
            step => step!["record"]?["value"]?.ToString() == record["value"]!.ToString() && !(bool)step["remove"]!);
        Assert.DoesNotContain(id.ToString(), domain.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("acme", domain.ToJsonString(), StringComparison.Ordinal);

        var again = await api.Globex.PostAsJsonAsync("/v1/domains", new { hostname = "taken.example.com" });
        await ProblemAsync(again, 409, "already-registered");
        var waiting = await ReadAsync(await api.Globex.GetAsync("/v1/domains?waitingOn=customer&hostname=taken"));
        Assert.Single(waiting["items"]!.AsArray());
    }

    [Fact]
    public async Task The_record_is_bound_to_tenant_name_and_registration()
    {
        await api.RegisterAsync("one.bound.com");
        await api.RegisterAsync("two.bound.com");
        var one = await RegisterAsync(api.Globex, "one.bound.com");
        var two = await RegisterAsync(api.Globex, "two.bound.com");
        await using var db = api.Open();
        await db.Domains.Where(row => row.Hostname == "one.bound.com").ExecuteUpdateAsync(set => set
            .SetProperty(row => row.Status, DomainStatus.Deleted)
            .SetProperty(row => row.DeletedAt, TimeProvider.System.GetUtcNow().AddDays(-1)));
        var third = await RegisterAsync(api.Globex, "one.bound.com");

        string[] values = [.. new[] { one, two, third }.Select(Value)];
        Assert.Equal(3, values.Distinct().Count());
        Assert.All(values, value => Assert.Matches("^ownership=[0-9a-f]{64}$", value));
    }

    [Theory]
    [InlineData(6, "contested")]
    [InlineData(8, "pending")]
    public async Task A_deleted_name_needs_fresh_proof_of_another_tenant_until_the_quarantine_is_over(
        int days, string expected)
    {
        var name = $"gone-{days}.example.com";
        await DeletedAsync(name, days);

        var other = await RegisterAsync(api.Globex, name);

        Assert.Equal(expected, other["ownership"]!["status"]!.ToString());
    }

    /// <summary>Fails when a CNAME alone gives a stranger what another tenant had before a restore.</summary>
    [Theory]
    [InlineData("stray")]
    [InlineData("order")]
    public async Task A_name_forgotten_in_a_restore_needs_proof_of_a_portal_and_none_of_an_operator(string kind)
    {
        var name = $"forgotten-{kind}.example.com";
        FormattableString forget = kind switch
        {
            "stray" =>
                $"""
                   WITH fleet AS (
                       INSERT INTO fleets (id, name, created_at) VALUES (gen_random_uuid(), 'forgetful', now())
                       RETURNING id
                   ), node AS (
                       INSERT INTO nodes (id, fleet_id, name, standing, http_endpoint, signing_key, signing_key_id,
                           sealing_key, sealing_key_id, agent_version, joined_at, last_seen_at)
                       SELECT gen_random_uuid(), id, 'n1', 'Serving', '127.0.0.1:1', '', 'forgetful', '', '', '1',
                           now(), now() FROM fleet RETURNING id
                   )
                   INSERT INTO node_strays (node_id, hostname, fingerprint, not_after)
                   SELECT id, {name}, {new string('a', 64)}, now() + interval '9 days' FROM node
                   """,
            _ =>
                $"""
                   INSERT INTO found_ca_orders (ca_order_id, order_id, hostname, status, found_at)
                   VALUES ('ca-forgotten', gen_random_uuid(), {name}, 'issued', now())
                   """,
        };
        await using (var db = api.Open())
        {
            await db.Database.ExecuteSqlAsync(forget);
        }

        var thief = await RegisterAsync(api.Globex, name);
        var answer = await api.Support.PostAsJsonAsync("/v1/domains", new { hostname = name, tenant = "acme" });

        Assert.Equal("contested", thief["ownership"]!["status"]!.ToString());
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        // The thief's unproven claim is no challenge to the operator's word.
        Assert.Equal("verified", (await ReadAsync(answer))["ownership"]!["status"]!.ToString());
    }

    [Fact]
    public async Task Its_own_deleted_name_is_free_for_a_tenant_at_once()
    {
        await DeletedAsync("mine.example.com", 0);

        var again = await RegisterAsync(api.Acme, "mine.example.com");

        Assert.Equal("pending", again["ownership"]!["status"]!.ToString());
    }

    [Fact]
    public async Task Of_a_hundred_parallel_registrations_by_two_tenants_one_holds_the_name_uncontested()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(n =>
            (n % 2 == 0 ? api.Acme : api.Globex)
                .PostAsJsonAsync("/v1/domains", new { hostname = "rush.example.com" })));

        Assert.Equal(2, answers.Count(answer => answer.StatusCode == HttpStatusCode.Created));
        Assert.Equal(98, answers.Count(answer => answer.StatusCode == HttpStatusCode.Conflict));
        await using var db = api.Open();
        var claims = await db.Domains.Where(row => row.Hostname == "rush.example.com").Select(row => row.Claim)
            .ToListAsync();
        Assert.Equal([Claim.Held, Claim.Contested], claims.Order());
    }

    [Fact]
    public async Task A_lost_domain_says_so_and_what_to_do_and_can_be_deleted_and_claimed_anew()
    {
        var id = await api.RegisterAsync("lost.example.com");
        var winner = await RegisterAsync(api.Globex, "lost.example.com");
        await using (var db = api.Open())
        {
            await db.Database.ExecuteSqlAsync(
                $"""
                 UPDATE orders SET state = 'Canceled', closed_at = now(), next_attempt_at = NULL WHERE domain_id = {id};
                 UPDATE domains SET claim = 'Lost', status = 'Failed' WHERE id = {id};
                 UPDATE domains SET claim = 'Held', proven_at = now() WHERE id = {Guid.Parse(winner["id"]!.ToString())}
                 """);
        }

        var lost = await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}"));
        Assert.Equal("failed", lost["status"]!.ToString());
        Assert.Equal("lost", lost["ownership"]!["status"]!.ToString());
        Assert.Equal("ownership-lost", lost["reason"]!["code"]!.ToString());
        Assert.Equal("customer", lost["waitingOn"]!.ToString());
        var listed = await ReadAsync(await api.Acme.GetAsync("/v1/domains?waitingOn=customer&hostname=lost"));
        Assert.Single(listed["items"]!.AsArray());

        var deleted = await ReadAsync(await api.Acme.DeleteAsync($"/v1/domains/{id}"));
        Assert.Equal("deleted", deleted["status"]!.ToString());
        var anew = await RegisterAsync(api.Acme, "lost.example.com");
        Assert.Equal("contested", anew["ownership"]!["status"]!.ToString());
    }

    private static string Value(JsonNode domain) => domain["ownership"]!["record"]!["value"]!.ToString();

    private static async Task<JsonNode> RegisterAsync(HttpClient client, string hostname)
    {
        var response = await client.PostAsJsonAsync("/v1/domains", new { hostname });
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        return await ReadAsync(response);
    }

    /// <summary>A name of acme's, taken down that many days ago.</summary>
    private async Task DeletedAsync(string hostname, int days)
    {
        var id = await api.RegisterAsync(hostname);
        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE orders SET state = 'Canceled', closed_at = now(), next_attempt_at = NULL WHERE domain_id = {id};
             UPDATE domains SET status = 'Deleted', deleted_at = now() - {TimeSpan.FromDays(days)} WHERE id = {id}
             """);
    }
}
