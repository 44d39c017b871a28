using ControlPlane.Database;
using ControlPlane.Http.Access;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Audit;

/// <summary>The whole program with its jobs, on a real socket, under a role that owns nothing.</summary>
public sealed class AuditedApi(PostgresFixture server) : IAsyncLifetime
{
    private readonly string _tokens = Directory.CreateTempSubdirectory("cp-tokens-").FullName;
    private WebApplicationFactory<ControlPlaneDb> _app = null!;

    internal TwoRoles Roles { get; } = new(server);

    internal IServiceProvider Services => _app.Services;

    internal HttpClient Admin { get; private set; } = null!;

    internal HttpClient Anonymous { get; private set; } = null!;

    internal Guid AdminKey { get; private set; }

    public async ValueTask InitializeAsync()
    {
        await Roles.InitializeAsync();
        _app = new WebApplicationFactory<ControlPlaneDb>().WithWebHostBuilder(host => host
            .UseSetting("urls", "http://127.0.0.1:0")
            .UseSetting("Dns:Servers:0", "127.0.0.1:9")
            .UseSetting("Vault:CanOpen", "false")
            .UseSetting("CertCentral:ApiKey", "never-used")
            .UseSetting("CertCentral:BaseUrl", "http://127.0.0.1:9/")
            .UseSetting("TokenStore:Directory", _tokens)
            .UseSetting("ConnectionStrings:ControlPlane", Roles.Running)
            .UseSetting("Fleet:CnameTarget", "edge.controlplane.example")
            .UseSetting("Fleet:Addresses:0", "192.0.2.1"));
        _app.UseKestrel();
        _app.StartServer();
        Anonymous = _app.CreateClient();
        (AdminKey, Admin) = await ClientAsync(ApiRole.Admin);
    }

    internal async Task<(Guid Id, HttpClient Client)> ClientAsync(ApiRole role, string? tenant = null)
    {
        await using var db = await Services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>()
            .CreateDbContextAsync();
        Guid? owner = null;
        if (tenant is not null)
        {
            var row = new Tenant { Id = Guid.CreateVersion7(), Name = tenant, CreatedAt = DateTimeOffset.UnixEpoch };
            db.Add(row);
            owner = row.Id;
        }

        var (key, secret) = await Keys.AddAsync(
            db, role, owner, new CreateKey($"{role} {tenant}".Trim()), DateTimeOffset.UnixEpoch);
        var client = _app.CreateClient();
        client.DefaultRequestHeaders.Authorization = new("Bearer", secret.Reveal());
        return (key.Id, client);
    }

    /// <summary>Rows of the trail, each as one line, in order of ids.</summary>
    internal async Task<List<string>> LinesAsync(string where)
    {
        await using var command = Roles.Tamperer.CreateCommand(
            $"""
            SELECT concat_ws('|', phase, actor_kind, actor, role, coalesce(tenant, '-'), operation, target,
                coalesce(outcome, '-'), repeats)
            FROM audit_entries WHERE {where} ORDER BY id
            """);
        await using var reader = await command.ExecuteReaderAsync();
        var lines = new List<string>();
        while (await reader.ReadAsync())
        {
            lines.Add(reader.GetString(0));
        }

        return lines;
    }

    /// <summary>The answer is on its way before its entry is written: waits for it.</summary>
    internal async Task<List<string>> LinesAsync(string where, int count)
    {
        List<string> lines = [];
        await Eventually.TrueAsync(
            async () => (lines = await LinesAsync(where)).Count >= count, $"{count} entries where {where}");
        return lines;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await Roles.DisposeAsync();
        Directory.Delete(_tokens, recursive: true);
    }
}
