using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Http.Access;
using ControlPlane.Tests.Http.OpenApi;
using ControlPlane.Tests.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Http.Access;

/// <summary>
/// Threat: API keys. Every route × no key, malformed, revoked and expired key, wrong role, wrong tenant, and the other
/// kind of credential. The rows come from the API's own document, whose <c>x-roles</c> come from what guards the route:
/// a new route is covered the day it appears, and one that is not guarded fails.
/// </summary>
public sealed class RouteMatrixTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    private static readonly string[] Roles = ["portal", "support", "admin"];

    /// <summary>Open to everyone, on purpose. Whoever adds one says here that it is meant.</summary>
    private static readonly string[] OpenToAnyone =
    [
        "GET /healthz", "GET /metrics", "GET /problems", "GET /problems/{code}", "GET /readyz", "GET /reasons",
        "GET /reasons/{code}",
        // Guarded by the CA's own secret header, which no role has: CertCentralHookTests.
        "POST /v1/hooks/certcentral", "POST /v1/nodes/enroll",
    ];

    [Fact]
    public async Task Every_route_says_who_may_call_it_and_only_those_meant_to_are_open()
    {
        var operations = await ApiDocument.OperationsAsync(api);
        Assert.All(operations, operation => Assert.True(
            operation.Roles.Count > 0, $"{operation} has no policy: add RequireAuthorization or AllowAnonymous."));
        Assert.Equal(
            OpenToAnyone,
            operations.Where(operation => operation.IsForAnyone).Select(operation => $"{operation}")
                .Order(StringComparer.Ordinal));

        // What is not in the document is no way in either.
        var endpoints = api.Services.GetRequiredService<EndpointDataSource>().Endpoints;
        Assert.All(endpoints, endpoint => Assert.True(
            endpoint.Metadata.GetMetadata<IAuthorizeData>() is not null
                || endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null,
            $"{endpoint.DisplayName} has no policy."));
    }

    [Fact]
    public void A_path_parameter_that_nobody_explained_fails_and_says_what_to_add()
    {
        var fault = Assert.Throws<InvalidOperationException>(() => PathThings.Of("/v1/reports/{report}"));
        Assert.Contains("Add [\"/v1/reports/{report}\"] to PathThings", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_route_answers_without_a_good_key()
    {
        string?[] bad =
        [
            null, "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer cp_admin_", "Bearer a.b.c",
            $"Bearer cp_admin_{new string('A', 43)}", $"Bearer {new string('x', 5_000)}",
            $"{api.Admin.DefaultRequestHeaders.Authorization}A", $"Bearer  {Guid.Empty}",
        ];
        await EachGuardedAsync(async operation =>
        {
            var path = await PathThings.FillAsync(api, operation);
            foreach (var header in bad)
            {
                await RefusedAsync(operation, await SendAsync(operation, path, header), header ?? "no key", 401);
            }
        });
    }

    [Fact]
    public async Task A_revoked_an_expired_and_a_closed_tenants_key_open_no_route()
    {
        var revoked = await KeysAsync("acme");
        var expired = await KeysAsync("acme", new CreateKey("short", ExpiresInDays: 1));
        await using (var db = api.Open())
        {
            var ids = revoked.Values.Select(key => key.Id).ToList();
            await db.ApiKeys.Where(row => ids.Contains(row.Id)).ExecuteUpdateAsync(
                set => set.SetProperty(row => row.RevokedAt, DateTimeOffset.UnixEpoch));
            db.Add(new Tenant
            {
                Id = Guid.CreateVersion7(),
                Name = "closed",
                CreatedAt = DateTimeOffset.UnixEpoch,
                DisabledAt = DateTimeOffset.UnixEpoch,
            });
            await db.SaveChangesAsync();
        }

        var (_, closed) = await api.AddKeyAsync(ApiRole.Portal, "closed");
        api.Clock.Advance(TimeSpan.FromDays(1));
        await EachGuardedAsync(async operation =>
        {
            var path = await PathThings.FillAsync(api, operation);
            foreach (var role in operation.IsForNodes ? Roles : operation.Roles)
            {
                await RefusedAsync(
                    operation, await SendAsync(operation, path, $"Bearer {revoked[role].Secret}"), $"revoked {role}",
                    401);
                await RefusedAsync(
                    operation, await SendAsync(operation, path, $"Bearer {expired[role].Secret}"), $"expired {role}",
                    401);
            }

            await RefusedAsync(
                operation, await SendAsync(operation, path, $"Bearer {closed}"), "closed tenant",
                operation.IsForNodes ? 401 : 403, operation.IsForNodes ? null : "tenant-disabled");
        });
    }

    [Fact]
    public async Task A_role_that_a_route_does_not_name_is_refused_and_one_it_names_is_not()
    {
        var keys = await KeysAsync("acme");
        var node = await api.EnrolAsync("matrix-roles");
        await EachGuardedAsync(async operation =>
        {
            foreach (var role in Roles.Where(role => !operation.IsForNodes))
            {
                var path = await PathThings.FillAsync(api, operation);
                var answer = await SendAsync(operation, path, $"Bearer {keys[role].Secret}");
                if (operation.Roles.Contains(role))
                {
                    Admitted(operation, answer, role);
                }
                else
                {
                    await RefusedAsync(operation, answer, role, 403, "not-allowed");
                }
            }

            if (operation.IsForNodes)
            {
                Admitted(operation, await SendAsNodeAsync(operation, operation.Path, node), "node");
            }
        });
    }

    [Fact]
    public async Task A_nodes_token_opens_no_route_of_the_API_and_an_API_key_none_of_the_nodes()
    {
        var keys = await KeysAsync("acme");
        var node = await api.EnrolAsync("matrix-tokens");
        await EachGuardedAsync(async operation =>
        {
            var path = await PathThings.FillAsync(api, operation);
            if (!operation.IsForNodes)
            {
                await RefusedAsync(operation, await SendAsNodeAsync(operation, path, node), "a node", 401);
                return;
            }

            foreach (var (role, key) in keys)
            {
                await RefusedAsync(operation, await SendAsync(operation, path, $"Bearer {key.Secret}"), role, 401);
            }
        });
    }

    [Fact]
    public async Task What_belongs_to_a_tenant_does_not_exist_for_another()
    {
        var seen = 0;
        await EachGuardedAsync(async operation =>
        {
            if (!operation.Roles.Contains("portal") || operation.Parameters.Count == 0)
            {
                return;
            }

            Assert.True(
                operation.Parameters.Any(parameter => PathThings.Of(parameter).IsTenants),
                $"{operation} is open to portals, and nothing in its path belongs to a tenant: say so in PathThings.");
            seen++;
            var path = await PathThings.FillAsync(api, operation);
            var stranger = await SendAsync(operation, path, $"{api.Globex.DefaultRequestHeaders.Authorization}");
            await RefusedAsync(operation, stranger, "another tenant", 404, "not-found");

            // It does exist, and the stranger has not changed it.
            var owner = await SendAsync(operation, path, $"{api.Acme.DefaultRequestHeaders.Authorization}");
            Admitted(operation, owner, "its own tenant");
            Assert.True(owner.StatusCode != HttpStatusCode.NotFound, $"{operation}: its own tenant finds nothing");
        });
        Assert.True(seen > 0);
    }

    [Fact]
    public async Task No_list_holds_anything_of_another_tenant()
    {
        var id = await api.RegisterAsync("not-yours.example.com");
        await EachGuardedAsync(async operation =>
        {
            if (operation.Method != "GET" || operation.Parameters.Count > 0 || !operation.Roles.Contains("portal"))
            {
                return;
            }

            var text = await api.Globex.GetStringAsync(operation.Path);
            Assert.DoesNotContain("not-yours", text, StringComparison.Ordinal);
            Assert.DoesNotContain(id.ToString(), text, StringComparison.Ordinal);
        });
    }

    private async Task EachGuardedAsync(Func<ApiOperation, Task> check)
    {
        foreach (var operation in await ApiDocument.OperationsAsync(api))
        {
            if (!operation.IsForAnyone)
            {
                await check(operation);
            }
        }
    }

    /// <summary>One key for each role.</summary>
    private async Task<Dictionary<string, (Guid Id, string Secret)>> KeysAsync(string tenant, CreateKey? wanted = null)
    {
        var keys = new Dictionary<string, (Guid, string)>();
        foreach (var role in Enum.GetValues<ApiRole>())
        {
            keys[role.ToString().ToLowerInvariant()] =
                await api.AddKeyAsync(role, role == ApiRole.Portal ? tenant : null, wanted);
        }

        return keys;
    }

    private async Task<HttpResponseMessage> SendAsync(ApiOperation operation, string path, string? authorization)
    {
        using var request = new HttpRequestMessage(new HttpMethod(operation.Method), path);
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        if (operation.Body is { } body)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToJsonString()));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return await api.Anonymous.SendAsync(request);
    }

    private static Task<HttpResponseMessage> SendAsNodeAsync(ApiOperation operation, string path, TestNode node) =>
        node.SendAsync(
            operation.Method, path, operation.Body is { } body ? Encoding.UTF8.GetBytes(body.ToJsonString()) : null);

    private static async Task RefusedAsync(
        ApiOperation operation, HttpResponseMessage answer, string who, int status, string? reason = null)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"{operation} with {who}: {(int)answer.StatusCode} {text}");
        var told = JsonNode.Parse(text)!["reason"]!.ToString();
        var expected = reason ?? (operation.IsForNodes ? "node-token-refused" : "not-authenticated");
        Assert.True(told == expected, $"{operation} with {who}: {told}");
    }

    private static void Admitted(ApiOperation operation, HttpResponseMessage answer, string who) => Assert.False(
        answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
            or HttpStatusCode.TooManyRequests,
        $"{operation} with {who}: {answer.StatusCode}");
}
