using System.Net;
using System.Net.Http.Json;
using Npgsql;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http.Access;

/// <summary>A key's life: made, used, rotated, ended.</summary>
public sealed class KeyTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_rotated_key_and_its_successor_both_work_until_the_grace_period_ends()
    {
        var (old, first) = await CreateAsync("acme", new { name = "portal" });
        var rotated = await api.Admin.PostAsJsonAsync($"/v1/tenants/acme/keys/{old}/rotate", new { graceHours = 2 });
        Assert.Equal(HttpStatusCode.Created, rotated.StatusCode);
        var made = await ReadAsync(rotated);
        Assert.Equal(old, made["key"]!["predecessorId"]!.ToString());
        Assert.Equal("portal", made["key"]!["name"]!.ToString());
        var second = made["secret"]!.ToString();
        Assert.NotEqual(first, second);

        Assert.Equal(HttpStatusCode.OK, await UseAsync(first));
        Assert.Equal(HttpStatusCode.OK, await UseAsync(second));
        api.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(HttpStatusCode.Unauthorized, await UseAsync(first));
        Assert.Equal(HttpStatusCode.OK, await UseAsync(second));

        var location = await ReadAsync(await api.Admin.GetAsync(rotated.Headers.Location));
        Assert.Equal(made["key"]!["id"]!.ToString(), location["id"]!.ToString());
        Assert.NotNull(location["lastUsedAt"]);
    }

    [Fact]
    public async Task A_third_key_is_refused_while_two_of_the_line_work()
    {
        var (old, _) = await CreateAsync("acme", new { name = "line" });
        var successor = await ReadAsync(await RotateAsync(old, new { }));
        var id = successor["key"]!["id"]!.ToString();

        var again = await ProblemAsync(await RotateAsync(old, new { }), 409, "rotation-under-way");
        Assert.Equal(id, again["existing"]!.ToString());
        var third = await ProblemAsync(await RotateAsync(id, new { }), 409, "rotation-under-way");
        Assert.Equal(old, third["existing"]!.ToString());

        await api.Admin.DeleteAsync($"/v1/tenants/acme/keys/{old}");
        Assert.Equal(HttpStatusCode.Created, (await RotateAsync(id, new { })).StatusCode);
        await ProblemAsync(await RotateAsync(old, new { }), 409, "key-not-live");
    }

    [Fact]
    public async Task Of_parallel_rotations_of_one_key_one_makes_a_successor()
    {
        var (old, _) = await CreateAsync("acme", new { name = "parallel" });
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => RotateAsync(old, new { })));
        Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.Created);
        Assert.Equal(9, answers.Count(answer => answer.StatusCode == HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task A_grace_period_of_zero_ends_the_old_key_at_once()
    {
        var (old, first) = await CreateAsync("acme", new { name = "at once" });
        Assert.Equal(HttpStatusCode.Created, (await RotateAsync(old, new { graceHours = 0 })).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await UseAsync(first));
    }

    [Fact]
    public async Task Rotation_does_not_lengthen_a_key_that_ends_sooner()
    {
        var (old, first) = await CreateAsync("acme", new { name = "short", expiresInDays = 1 });
        Assert.Equal(HttpStatusCode.Created, (await RotateAsync(old, new { graceHours = 720 })).StatusCode);
        api.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(HttpStatusCode.Unauthorized, await UseAsync(first));
    }

    [Theory]
    [InlineData("""{"graceHours":-1}""")]
    [InlineData("""{"graceHours":721}""")]
    [InlineData("""{"expiresInDays":0}""")]
    [InlineData("""{"requestsPerSecond":10001}""")]
    public async Task A_rotation_out_of_bounds_is_refused(string body)
    {
        var (old, _) = await CreateAsync("acme", new { name = "bounds" });
        await ProblemAsync(
            await api.Admin.PostAsync(
                $"/v1/tenants/acme/keys/{old}/rotate", new StringContent(body, null, "application/json")),
            400, "invalid-field");
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("a\0b")]
    [InlineData("two\nlines")]
    [InlineData("\u202Egnp.tnacifitrec")]
    public async Task A_name_that_people_cannot_read_is_refused(string name) => await ProblemAsync(
        await api.Admin.PostAsJsonAsync("/v1/tenants/acme/keys", new { name }), 400, "invalid-field");

    [Fact]
    public async Task A_revoked_key_is_refused_by_another_replica_at_its_next_request()
    {
        var (id, secret) = await CreateAsync("acme", new { name = "two replicas" });
        await using var other = new ApiReplica(api);
        Assert.Equal(HttpStatusCode.OK, (await other.GetAsync("/v1/domains", secret)).StatusCode);

        await api.Admin.DeleteAsync($"/v1/tenants/acme/keys/{id}");

        Assert.Equal(HttpStatusCode.Unauthorized, (await other.GetAsync("/v1/domains", secret)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await UseAsync(secret));
    }

    [Fact]
    public async Task The_key_of_one_tenant_is_not_found_under_another()
    {
        var (id, _) = await CreateAsync("acme", new { name = "mine" });
        var path = $"/v1/tenants/globex/keys/{id}";
        await ProblemAsync(await api.Admin.GetAsync(path), 404, "not-found");
        await ProblemAsync(await api.Admin.DeleteAsync(path), 404, "not-found");
        await ProblemAsync(await api.Admin.PostAsJsonAsync($"{path}/rotate", new { }), 404, "not-found");
    }

    /// <summary>Whoever asks with an Idempotency-Key, out of habit, must not cause the answer to be kept.</summary>
    [Fact]
    public async Task The_secret_of_a_new_key_is_in_no_table_even_when_asked_for_idempotently()
    {
        using var create = Idempotent("/v1/tenants/acme/keys", new { name = "canary" });
        var made = await ReadAsync(await api.Admin.SendAsync(create));
        using var rotate = Idempotent($"/v1/tenants/acme/keys/{made["key"]!["id"]}/rotate", new { });
        var rotated = await ReadAsync(await api.Admin.SendAsync(rotate));
        await using var connection = new NpgsqlConnection(api.ConnectionString);
        await connection.OpenAsync();
        var tables = 0;
        foreach (var table in await TablesAsync(connection))
        {
            tables++;
            await using var rows = new NpgsqlCommand(
                $"SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0", connection)
            {
                Parameters =
                {
                    new() { Value = Random(made["secret"]!) },
                    new() { Value = Random(rotated["secret"]!) },
                },
            };
            Assert.True((long)(await rows.ExecuteScalarAsync())! == 0, $"{table} holds a secret");
        }

        Assert.True(tables > 10);

        // Without the prefix, which an encoding might change.
        static string Random(object secret) => secret.ToString()!["cp_portal_".Length..];
    }

    private static HttpRequestMessage Idempotent(string path, object body) => new(HttpMethod.Post, path)
    {
        Content = JsonContent.Create(body),
        Headers = { { "Idempotency-Key", $"{Guid.NewGuid()}" } },
    };

    private static async Task<List<string>> TablesAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var tables = new List<string>();
        while (await reader.ReadAsync())
        {
            tables.Add(reader.GetString(0));
        }

        return tables;
    }

    private async Task<(string Id, string Secret)> CreateAsync(string tenant, object body)
    {
        var answer = await api.Admin.PostAsJsonAsync($"/v1/tenants/{tenant}/keys", body);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var made = await ReadAsync(answer);
        return (made["key"]!["id"]!.ToString(), made["secret"]!.ToString());
    }

    private Task<HttpResponseMessage> RotateAsync(string id, object body) =>
        api.Admin.PostAsJsonAsync($"/v1/tenants/acme/keys/{id}/rotate", body);

    private async Task<HttpStatusCode> UseAsync(string secret)
    {
        using var client = api.WithKey(secret);
        return (await client.GetAsync("/v1/domains")).StatusCode;
    }
}
