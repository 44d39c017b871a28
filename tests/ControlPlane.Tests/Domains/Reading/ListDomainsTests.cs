using System.Text.Json.Nodes;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Domains.Reading;

public sealed class ListDomainsTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    /// <summary>Fails when a page begins by a count, or by anything that changes while somebody pages.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("&status=pending")]
    [InlineData("&waitingOn=customer")]
    [InlineData("&reason=dns-not-there&metadata=kind:stable")]
    [InlineData("&expiresBefore=2030-01-01T00:00:00Z")]
    public async Task Whatever_was_there_all_the_time_is_shown_once_however_much_comes_goes_and_changes(string filter)
    {
        var walk = $"w{Guid.NewGuid():N}"[..12];
        var random = new Random(filter.Length);
        var stable = (await MakeAsync(walk, 120, "stable")).ToHashSet();
        var restless = await MakeAsync(walk, 120, "restless");
        var seen = new List<Guid>();
        string? cursor = null;
        do
        {
            var page = await ReadAsync(await api.Acme.GetAsync(
                $"/v1/domains?limit=7&hostname={walk}{filter}" + (cursor is null ? "" : $"&cursor={cursor}")));
            seen.AddRange(page["items"]!.AsArray().Select(Id));
            cursor = page["nextCursor"]?.ToString();
            restless.AddRange(await MakeAsync(walk, 3, "new"));
            foreach (var id in restless.OrderBy(_ => random.Next()).Take(20))
            {
                await StirAsync(id, random.Next(5));
            }
        }
        while (cursor is not null);

        Assert.Equal(seen.Count, seen.Distinct().Count());
        Assert.Equal(stable, seen.Where(stable.Contains).ToHashSet());
        Assert.Equal(seen.Order(), seen);
    }

    [Fact]
    public async Task Filters_go_together()
    {
        var walk = $"f{Guid.NewGuid():N}"[..12];
        var ids = (await MakeAsync(walk, 6, "stable")).Order().ToList();
        string[] words = ["""{"plan":"gold","say":"a:b%"}""", """{"plan":"lead"}"""];
        await using (var db = api.Open())
        {
            foreach (var (id, n) in ids.Select((id, n) => (id, n)))
            {
                var at = new DateTimeOffset(2029, 1, 1 + n, 0, 0, 0, TimeSpan.Zero);
                await db.Database.ExecuteSqlAsync(
                    $"UPDATE domains SET expires_at = {at}, metadata = {words[n % 2]}::jsonb WHERE id = {id}");
            }
        }

        var table = new (string Filter, int[] Shown)[]
        {
            ("", [0, 1, 2, 3, 4, 5]),
            ("&expiresBefore=2029-01-03T00:00:00Z", [0, 1]),
            ("&expiresAfter=2029-01-03T00:00:00Z", [3, 4, 5]),
            ("&expiresAfter=2029-01-01T23:00:00%2B01:00&expiresBefore=2029-01-04T00:00:00Z", [1, 2]),
            ("&metadata=plan:gold", [0, 2, 4]),
            ("&metadata=say:a:b%25", [0, 2, 4]),
            ("&metadata=plan:go", []),
            ("&metadata=gold:plan", []),
            ("&metadata=plan:lead&expiresBefore=2029-01-05T00:00:00Z&status=pending&waitingOn=customer", [1, 3]),
            ("&metadata=plan:lead&status=active", []),
        };
        foreach (var (filter, shown) in table)
        {
            var page = await ReadAsync(await api.Acme.GetAsync($"/v1/domains?hostname={walk}{filter}"));
            Assert.Equal((filter, string.Join(' ', shown)), (filter, string.Join(
                ' ', page["items"]!.AsArray().Select(item => ids.IndexOf(Id(item))))));
        }
    }

    [Theory]
    [InlineData("expiresBefore=soon", "malformed-request")]
    [InlineData("metadata=gold", "invalid-field")]
    [InlineData("metadata=:gold", "invalid-field")]
    [InlineData("metadata=a%20b:gold", "invalid-field")]
    public async Task A_filter_that_is_none_is_refused(string filter, string reason) =>
        await ProblemAsync(await api.Acme.GetAsync($"/v1/domains?{filter}"), 400, reason);

    private static Guid Id(JsonNode? item) => Guid.Parse(item!["id"]!.ToString());

    /// <summary>Domains of acme that wait for their customer, each with the order that does. Their ids lie anywhere
    /// among the others.</summary>
    private async Task<List<Guid>> MakeAsync(string walk, int count, string kind)
    {
        // The first registration makes the fleet.
        await api.RegisterAsync($"r{Guid.NewGuid():N}"[..20] + ".example.com");
        var ids = Enumerable.Range(0, count).Select(_ => Guid.NewGuid()).ToList();
        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync(
            $"""
             WITH made AS (
                 INSERT INTO domains
                     (id, tenant_id, fleet_id, hostname, key_algorithm, status, created_at, metadata, expires_at)
                 SELECT id, (SELECT id FROM tenants WHERE name = 'acme'), (SELECT min(id::text)::uuid FROM fleets),
                        {walk} || id || '.example.com', 'EcdsaP256', 'Pending', now(),
                        jsonb_build_object('kind', {kind}), '2029-01-01'
                 FROM unnest({ids}) AS id RETURNING id, hostname)
             INSERT INTO orders (id, domain_id, hostname, kind, state, state_since, reason, next_attempt_at, created_at)
             SELECT id, id, hostname, 'New', 'PendingDns', now(), 'dns-not-there', now(), now() FROM made
             """);
        return ids;
    }

    /// <summary>Out of every filter and back again, or away for good.</summary>
    private async Task StirAsync(Guid id, int how)
    {
        await using var db = api.Open();
        await db.Database.ExecuteSqlAsync(how switch
        {
            0 => $"UPDATE domains SET status = 'Failed', expires_at = NULL WHERE id = {id} AND status = 'Pending'",
            1 => $"UPDATE domains SET status = 'Pending', expires_at = now() WHERE id = {id} AND status = 'Failed'",
            2 => $"UPDATE orders SET reason = 'surprise' WHERE domain_id = {id}",
            3 => $"UPDATE orders SET reason = 'dns-not-there' WHERE domain_id = {id}",
            _ => $"UPDATE domains SET status = 'Deleted', deleted_at = now() WHERE id = {id}",
        });
    }
}
