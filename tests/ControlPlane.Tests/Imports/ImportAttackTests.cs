using System.Net;
using System.Net.Http.Json;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Imports;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;
using static ControlPlane.Tests.Imports.ImportFiles;

namespace ControlPlane.Tests.Imports;

/// <summary>What imports are to those who mean harm.</summary>
public sealed class ImportAttackTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task Another_tenants_import_is_not_there()
    {
        var import = await TakeInAsync(api.Acme, Csv(["secret.example.com"]));
        await ProblemAsync(await api.Globex.GetAsync($"/v1/imports/{import}"), 404, "not-found");
        await ProblemAsync(await api.Globex.GetAsync($"/v1/imports/{import}/rows"), 404, "not-found");
        await ProblemAsync(await api.Globex.PostAsync($"/v1/imports/{import}/cancel", null), 404, "not-found");
        var list = await ReadAsync(await api.Globex.GetAsync("/v1/imports?limit=200"));
        Assert.DoesNotContain($"{import}", list.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal("1/0/0/0/0", Counts(await FinishAsync(api, api.Acme, import)));
    }

    [Fact]
    public async Task A_revoked_keys_import_ends()
    {
        var (id, secret) = await api.AddKeyAsync(ApiRole.Portal, "acme");
        var import = await TakeInAsync(api.WithKey(secret), Csv(["stolen.example.com"]));
        await using var db = api.Open();
        await db.ApiKeys.Where(key => key.Id == id).ExecuteUpdateAsync(
            set => set.SetProperty(key => key.RevokedAt, api.Clock.GetUtcNow()));
        Assert.Equal(0, await TurnAsync(api, import));
        var ended = await ReadAsync(api.Acme, import);
        Assert.Equal("canceled", ended["status"]!.ToString());
        Assert.Equal("0/0/0/1/0", Counts(ended));
        Assert.False(await db.Domains.AnyAsync(row => row.Hostname == "stolen.example.com"));
    }

    [Fact]
    public async Task An_expired_keys_import_ends()
    {
        var (id, secret) = await api.AddKeyAsync(ApiRole.Portal, "acme");
        var import = await TakeInAsync(api.WithKey(secret), Csv(["expired.example.com"]));
        await using var db = api.Open();
        await db.ApiKeys.Where(key => key.Id == id).ExecuteUpdateAsync(
            set => set.SetProperty(key => key.ExpiresAt, api.Clock.GetUtcNow().AddMinutes(-5)));
        Assert.Equal(0, await TurnAsync(api, import));
        Assert.Equal("canceled", (await ReadAsync(api.Acme, import))["status"]!.ToString());
        Assert.False(await db.Domains.AnyAsync(row => row.Hostname == "expired.example.com"));
    }

    [Fact]
    public async Task An_operator_registers_nothing_for_a_disabled_tenant_in_a_file_or_alone()
    {
        await using var db = api.Open();
        db.Add(new Tenant { Id = Guid.CreateVersion7(), Name = "umbrella", CreatedAt = DateTimeOffset.UnixEpoch });
        await db.SaveChangesAsync();
        var import = await TakeInAsync(
            api.Support, "hostname,tenant\noff.example.com,umbrella\non.example.com,acme\n");
        await api.Admin.PostAsync("/v1/tenants/umbrella/disable", null);
        Assert.Equal("1/0/1/0/0", Counts(await FinishAsync(api, api.Support, import)));
        var refused = Assert.Single(await RowsAsync(api.Support, import, "&outcome=refused"));
        Assert.Equal("tenant-disabled", refused["problem"]!["reason"]!.ToString());
        await ProblemAsync(
            await api.Support.PostAsJsonAsync("/v1/domains", new { hostname = "off.example.com", tenant = "umbrella" }),
            403, "tenant-disabled");
        Assert.False(await db.Domains.AnyAsync(row => row.Hostname == "off.example.com"));
    }

    [Fact]
    public async Task A_disabled_tenants_import_ends()
    {
        await using var db = api.Open();
        var tenant = new Tenant { Id = Guid.CreateVersion7(), Name = "initech", CreatedAt = DateTimeOffset.UnixEpoch };
        db.Add(tenant);
        await db.SaveChangesAsync();
        var (_, secret) = await api.AddKeyAsync(ApiRole.Portal, "initech");
        var import = await TakeInAsync(api.WithKey(secret), Csv(["disabled.example.com"]));
        await api.Admin.PostAsync("/v1/tenants/initech/disable", null);
        await TurnAsync(api, import);
        Assert.Equal("canceled", (await ReadAsync(api.Admin, import))["status"]!.ToString());
        Assert.False(await db.Domains.AnyAsync(row => row.Hostname == "disabled.example.com"));
    }

    [Fact]
    public async Task A_tenant_has_a_few_imports_under_way_and_others_have_theirs()
    {
        await CancelAllAsync(api.Globex);
        for (var n = 0; n < Import.MostUnderWay; n++)
        {
            await TakeInAsync(api.Globex, Csv([$"many{n}.example.com"]));
        }

        var refused = await SendAsync(api.Globex, Csv(["many.example.com"]), key: "one-too-many");
        await ProblemAsync(refused, 429, "too-many-imports");
        Assert.NotNull(refused.Headers.RetryAfter);
        // They are counted before the file is looked at.
        await ProblemAsync(await SendAsync(api.Globex, "no,header\n"), 429, "too-many-imports");
        await TakeInAsync(api.Acme, Csv(["others.example.com"]));
        await CancelAllAsync(api.Globex);
        Assert.Equal(
            HttpStatusCode.Accepted,
            (await SendAsync(api.Globex, Csv(["many.example.com"]), key: "one-too-many")).StatusCode);
    }

    [Fact]
    public async Task A_tenant_brings_a_hundred_files_a_day_and_more_tomorrow()
    {
        var last = await TakeInAsync(api.Globex, Csv(["first-of-many.example.com"]));
        await CancelAllAsync(api.Globex);
        await using (var db = api.Open())
        {
            await db.Database.ExecuteSqlAsync(
                $"""
                 INSERT INTO imports (id, tenant_id, api_key_id, role, rows, created_at, finished_at, canceled_at)
                 SELECT gen_random_uuid(), tenant_id, api_key_id, role, rows, created_at, finished_at, canceled_at
                 FROM imports, generate_series(2, {Import.MostADay}) WHERE id = {last}
                 """);
        }

        await ProblemAsync(await SendAsync(api.Globex, Csv(["one-more.example.com"])), 429, "too-many-imports");
        api.Clock.Advance(Import.Day);
        await TakeInAsync(api.Globex, Csv(["one-more.example.com"]));
        await CancelAllAsync(api.Globex);
    }

    [Fact]
    public async Task A_file_beyond_its_limit_is_not_read_and_other_routes_keep_theirs()
    {
        var large = new string('a', Limits.MaxImportBytes + 1);
        await ProblemAsync(await SendAsync(api.Acme, large), 413, "body-too-large");
        await ProblemAsync(await SendAsync(api.Acme, large, key: "large"), 413, "body-too-large");
        using var name = new StringContent(
            $$"""{"hostname":"{{new string('a', Limits.MaxBodyBytes)}}"}""", null, "application/json");
        await ProblemAsync(await api.Acme.PostAsync("/v1/domains", name), 413, "body-too-large");
    }

    [Fact]
    public async Task A_turn_of_a_long_import_ends_and_others_have_theirs()
    {
        var large = await TakeInAsync(
            api.Support, Csv(Enumerable.Range(0, 300).Select(n => $"l{n}.example.com")), "?tenant=acme");
        var small = await TakeInAsync(api.Support, Csv(["small.example.com"]), "?tenant=globex");
        Assert.Equal(200, await TurnAsync(api, large));
        Assert.Equal(1, await TurnAsync(api, small));
        Assert.Equal("running", (await ReadAsync(api.Support, large))["status"]!.ToString());
        Assert.Equal("done", (await ReadAsync(api.Support, small))["status"]!.ToString());
    }

    private static async Task CancelAllAsync(HttpClient client)
    {
        foreach (var import in (await ReadAsync(await client.GetAsync("/v1/imports?limit=200")))["items"]!.AsArray())
        {
            await client.PostAsync($"/v1/imports/{import!["id"]}/cancel", null);
        }
    }
}
