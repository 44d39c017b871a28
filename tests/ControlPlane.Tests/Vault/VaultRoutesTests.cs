using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Database;
using ControlPlane.Http.Access;
using ControlPlane.Tests.Domains;
using ControlPlane.Tests.Http;
using ControlPlane.Vault;
using ControlPlane.Vault.Replicas;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Vault;

/// <summary>The whole program with its jobs, over a vault in the middle of a rotation.</summary>
public sealed class VaultRoutesTests(PostgresDatabase database, ApiFixture closed)
    : IClassFixture<PostgresDatabase>, IClassFixture<ApiFixture>
{
    [Fact]
    public async Task An_admin_begins_a_rewrap_the_program_carries_it_on_and_the_old_key_may_go()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        await vault.SealAsync(120);
        // No order points to them: on the program's own clock they must be too young to be collected as orphans.
        await bench.SqlAsync($"UPDATE vault_keys SET created_at = now()");
        var (oldPath, nextPath) = (Path.Combine(bench.Folder, "kek"), Path.Combine(bench.Folder, "next"));
        LocalKeyFile.Create(nextPath);
        var (old, next) = (LocalKeyFile.Load(oldPath), LocalKeyFile.Load(nextPath));
        await using var app = new WebApplicationFactory<ControlPlaneDb>().WithWebHostBuilder(host => host
            .UseSetting("urls", "http://127.0.0.1:0")
            .UseSetting("CertCentral:ApiKey", "never-used")
            .UseSetting("CertCentral:BaseUrl", "http://127.0.0.1:9/")
            .UseSetting("Dns:Servers:0", "127.0.0.1:9")
            .UseSetting("Vault:Keys:0:File", nextPath)
            .UseSetting("Vault:Keys:1:File", oldPath)
            .UseSetting("TokenStore:Directory", bench.TokenFolder)
            .UseSetting("ConnectionStrings:ControlPlane", database.ConnectionString)
            .UseSetting("Fleet:CnameTarget", "edge.controlplane.example"));
        app.UseKestrel();
        app.StartServer();
        using var admin = app.CreateClient();
        await using (var db = database.Open())
        {
            var (_, secret) = await Keys.AddAsync(
                db, ApiRole.Admin, null, new CreateKey("admin"), DateTimeOffset.UnixEpoch);
            admin.DefaultRequestHeaders.Authorization = new("Bearer", secret.Reveal());
        }

        var before = await ReadAsync(admin);
        Assert.Equal((next.Id, null), (before["currentKey"]!.ToString(), before["rewrap"]));
        Assert.Equal(120, (int)before["keys"]![1]!["rows"]!);
        Assert.False((bool)before["keys"]![1]!["safeToRemove"]!);

        // The program tells of itself; another replica was not restarted with the new key yet.
        Assert.Equal((1, 1), ((int)before["replicas"]!, (int)before["keys"]![0]!["currentOn"]!));
        Assert.Contains("\"vault-rows\"", await admin.GetStringAsync("/readyz"), StringComparison.Ordinal);
        using var behind = new VaultHeartbeat(
            database.DataSource, new KeyRing(old), TimeProvider.System, NullLogger<VaultHeartbeat>.Instance);
        await behind.StartAsync(default);
        await ApiFixture.ProblemAsync(
            await admin.PostAsync("/v1/vault/rewrap", null), 409, "key-not-on-every-replica");
        await behind.StopAsync(default);

        using var begun = await admin.PostAsync("/v1/vault/rewrap", null);
        Assert.Equal(HttpStatusCode.Accepted, begun.StatusCode);
        Assert.Equal("/v1/vault", begun.Headers.Location!.OriginalString);
        using var again = await admin.PostAsync("/v1/vault/rewrap", null);
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        await Eventually.TrueAsync(
            async () => (await ReadAsync(admin))["rewrap"]!["finishedAt"] is not null, "the rewrap finished");

        var after = await ReadAsync(admin);
        Assert.Equal((120, 120), ((int)after["rewrap"]!["total"]!, (int)after["rewrap"]!["done"]!));
        Assert.Equal(old.Id, after["keys"]![1]!["id"]!.ToString());
        Assert.True((bool)after["keys"]![1]!["safeToRemove"]!);
        await vault.AllOpenAsync(next);
    }

    [Fact]
    public async Task A_replica_without_a_key_shows_the_rows_and_begins_nothing()
    {
        var view = await ReadAsync(closed.Admin);
        Assert.Null(view["currentKey"]);
        await ApiFixture.ProblemAsync(
            await closed.Admin.PostAsync("/v1/vault/rewrap", null), 409, "no-key-encryption-key-here");
    }

    [Fact]
    public async Task The_vault_is_shown_to_admins_alone()
    {
        foreach (var client in new[] { closed.Support, closed.Acme })
        {
            await ApiFixture.ProblemAsync(await client.GetAsync("/v1/vault"), 403, "not-allowed");
            await ApiFixture.ProblemAsync(await client.PostAsync("/v1/vault/rewrap", null), 403, "not-allowed");
        }

        await ApiFixture.ProblemAsync(await closed.Anonymous.GetAsync("/v1/vault"), 401, "not-authenticated");
    }

    private static async Task<JsonNode> ReadAsync(HttpClient client) =>
        JsonNode.Parse(await client.GetStringAsync("/v1/vault"))!;
}
