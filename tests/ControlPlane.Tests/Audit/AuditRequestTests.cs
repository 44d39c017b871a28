using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ControlPlane.Audit;
using ControlPlane.Audit.Requests;
using ControlPlane.Http.Access;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Audit;

public sealed class AuditRequestTests(AuditedApi api) : IClassFixture<AuditedApi>
{
    [Fact]
    public async Task A_change_is_asked_before_it_is_made_and_answered_after_it()
    {
        using var answer = await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "initech" });
        var made = answer.Headers.Location!.ToString();

        var lines = await api.LinesAsync(
            $"request_id IN (SELECT request_id FROM audit_entries WHERE target = '{made}')", 2);

        Assert.Equal(
            [
                "asked|key|Admin|admin|-|CreateTenant|/v1/tenants|-|1",
                $"answered|key|Admin|admin|-|CreateTenant|{made}|201|1",
            ],
            lines);
        Assert.True(await api.Roles.ReadAsync<bool>(
            $"""
            SELECT count(DISTINCT request_id) = 1 AND bool_and(address = '127.0.0.1' AND actor_id = '{api.AdminKey}')
            FROM audit_entries WHERE request_id =
                (SELECT request_id FROM audit_entries WHERE target = '{made}' ORDER BY id LIMIT 1)
            """));
    }

    /// <summary>Made from the routes themselves, so that one that is added tomorrow is covered or fails here.</summary>
    [Fact]
    public async Task Every_route_that_changes_something_leaves_a_trail()
    {
        var routes = api.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Select(route => (
                Route: route,
                Method: route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is [var method, ..]
                    ? method
                    : "GET",
                Name: route.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName))
            .Where(entry => entry.Method is not "GET" && entry.Name is not null)
            .Where(entry => entry.Route.Metadata.GetOrderedMetadata<IAuthorizeData>()
                .All(policy => policy.Policy != AccessPolicy.Node))
            // Who has no session in the console is sent to its door; what a session does there is in PageTests.
            .Where(entry => !IsConsole(entry.Route) || entry.Route.Metadata.GetMetadata<IAuthorizeData>() is null)
            .ToList();
        Assert.Contains(routes, entry => entry.Name == "EnrolNode");
        Assert.True(routes.Count >= 9, $"{routes.Count} routes");

        foreach (var (route, method, _) in routes)
        {
            var path = string.Join('/', route.RoutePattern.PathSegments.Select(segment =>
                segment.IsSimple && segment.Parts[0] is Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart
                { Content: var text }
                    ? text
                    : Guid.NewGuid().ToString()));
            using var request = new HttpRequestMessage(new HttpMethod(method), "/" + path)
            {
                Content = JsonContent.Create(new { }),
            };
            using var answer = await api.Admin.SendAsync(request);
        }

        foreach (var (route, _, name) in routes)
        {
            // The console takes no key in a header.
            var actor = IsConsole(route) ? "anonymous|" : "key|Admin|admin";
            var lines = await api.LinesAsync($"operation = '{name}'", 2);
            Assert.Contains(lines, line => line.StartsWith($"asked|{actor}", StringComparison.Ordinal));
            Assert.Contains(lines, line => line.StartsWith($"answered|{actor}", StringComparison.Ordinal));
        }

        static bool IsConsole(RouteEndpoint route) =>
            route.RoutePattern.RawText!.StartsWith("/console", StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_written_down_is_not_done()
    {
        await api.Roles.TamperAsync($"REVOKE INSERT ON audit_entries FROM {api.Roles.Role}");
        try
        {
            using var answer = await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "unwritten" });
            Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        }
        finally
        {
            await api.Roles.MigrateAsync();
        }

        Assert.Equal(0, await api.Roles.ReadAsync<long>("SELECT count(*) FROM tenants WHERE name = 'unwritten'"));
    }

    [Fact]
    public async Task Refusals_are_told_once_and_counted()
    {
        var (_, portal) = await api.ClientAsync(ApiRole.Portal, "refused-inc");
        var refusals = api.Services.GetRequiredService<RefusalCount>();
        await refusals.FlushAsync(default);
        const string mine = "phase = 'refused' AND operation = 'CreateTenant'";
        for (var time = 0; time < 5; time++)
        {
            using var forbidden = await portal.PostAsJsonAsync("/v1/tenants", new { name = "x" });
            Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);
            using var anonymous = await api.Anonymous.PostAsJsonAsync("/v1/tenants", new { name = "x" });
            Assert.Equal(HttpStatusCode.Unauthorized, anonymous.StatusCode);
        }

        await api.LinesAsync(mine, 2);
        await refusals.FlushAsync(default);

        var lines = await api.LinesAsync(mine, 4);
        Assert.Contains("refused|anonymous|-|CreateTenant|/v1/tenants|401|1", lines);
        Assert.Contains(
            "refused|key|Portal refused-inc|portal|refused-inc|CreateTenant|/v1/tenants|403|1", lines);
        Assert.Equal(5, Told(lines.Where(line => line.Contains("|401|", StringComparison.Ordinal))));
        Assert.Equal(5, Told(lines.Where(line => line.Contains("|403|", StringComparison.Ordinal))));
        // A minute that ends in between makes eight of four; ten would be one each.
        Assert.True(lines.Count <= 8, string.Join('\n', lines));
    }

    /// <summary>Enrolling takes no key: whoever guesses join codes must not fill the disk with it.</summary>
    [Fact]
    public async Task A_stranger_who_guesses_join_codes_leaves_few_entries()
    {
        var refusals = api.Services.GetRequiredService<RefusalCount>();
        await refusals.FlushAsync(default);
        for (var time = 0; time < 60; time++)
        {
            using var answer = await api.Anonymous.PostAsJsonAsync("/v1/nodes/enroll", new { joinCode = $"{time}" });
            Assert.True((int)answer.StatusCode is >= 400 and < 500, $"{answer.StatusCode}");
        }

        const string mine = "operation = 'EnrolNode' AND actor_kind = 'anonymous'";
        await api.LinesAsync(mine, 2);
        await refusals.FlushAsync(default);

        var lines = await api.LinesAsync(mine, 3);
        Assert.True(lines.Count <= 8, string.Join('\n', lines));
        Assert.True(Told(lines) >= 60, string.Join('\n', lines));
    }

    /// <summary>How many refusals the lines stand for.</summary>
    private static int Told(IEnumerable<string> lines) =>
        lines.Sum(line => int.Parse(line[(line.LastIndexOf('|') + 1)..]));

    [Fact]
    public void Strangers_from_many_addresses_are_one_kind_together()
    {
        var refusals = new RefusalCount(
            null!, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<RefusalCount>.Instance);
        var whole = Enumerable.Range(0, 5000).Count(address => refusals.IsFirst(new AuditNote(
            AuditPhase.Refused, AuditActor.Anonymous, "CreateDomain", "/v1/domains", $"2001:db8::{address:x}", "r",
            "401")));

        Assert.Equal(RefusalCount.MostStrangers, whole);
    }

    [Fact]
    public async Task Only_admins_read_the_trail_and_leave_one()
    {
        var (id, support) = await api.ClientAsync(ApiRole.Support);
        using var refused = await support.GetAsync("/v1/audit");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);

        await api.LinesAsync($"actor_id = '{id}'", 1);
        var page = JsonNode.Parse(await api.Admin.GetStringAsync(
            $"/v1/audit?actor={id}&operation=ListAudit&target=/v1/audit&from=2020-01-01T00:00:00Z&limit=1"))!;
        var entry = Assert.Single(page["items"]!.AsArray())!;
        Assert.Equal("Support", (string?)entry["actor"]);
        Assert.Equal("403", (string?)entry["outcome"]);
        var before = JsonNode.Parse(await api.Admin.GetStringAsync("/v1/audit?until=2020-01-01T00:00:00Z"))!;
        Assert.Empty(before["items"]!.AsArray());
        Assert.Contains(
            await api.LinesAsync($"actor_id = '{api.AdminKey}' AND operation = 'ListAudit'", 2),
            line => line.StartsWith("answered|", StringComparison.Ordinal));
    }

    /// <summary>Through the job engine, whose tables the program's role did not make either.</summary>
    [Fact]
    public async Task The_schedule_seals_and_the_export_is_whole()
    {
        using var answer = await api.Admin.PostAsJsonAsync("/v1/tenants", new { name = "sealed" });
        var made = answer.Headers.Location!.ToString();
        await Eventually.TrueAsync(
            () => api.Roles.ReadAsync<bool>(
                $"""
                SELECT count(*) = 1 FROM audit_entries e JOIN audit_sealed ON entry_id = e.id WHERE target = '{made}'
                """),
            "the entry is sealed");

        var path = Path.Combine(Path.GetTempPath(), $"audit-{Guid.NewGuid():N}.ndjson");
        try
        {
            var head = JsonNode.Parse(await api.Admin.GetStringAsync("/v1/audit/head"))!;
            await File.WriteAllBytesAsync(path, await api.Admin.GetByteArrayAsync("/v1/audit/export"));
            var found = await AuditVerification.VerifyAsync(
                new AuditFile(path), AuditHead.Parse($"{head["batch"]}:{head["hash"]}"), default);
            Assert.Null(found.Fault);
            Assert.True(found.Entries >= 2, $"{found}");
            var metrics = await api.Anonymous.GetStringAsync("/metrics");
            Assert.Contains("controlplane_audit_head_hash ", metrics, StringComparison.Ordinal);
            Assert.Contains("controlplane_audit_batches ", metrics, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
