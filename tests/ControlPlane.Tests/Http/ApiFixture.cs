using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http.Access;
using ControlPlane.Jobs;
using ControlPlane.Tests.Nodes;
using ControlPlane.Webhooks;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ControlPlane.Tests.Http;

/// <summary>The real program on a real socket and a real database, without its jobs: what a test registers stays where
/// it is. One for each test class. Rates are far above what tests send, unless a test's own fixture lowers
/// them.</summary>
public class ApiFixture(PostgresFixture server) : IAsyncLifetime
{
    private readonly ConcurrentQueue<OrderState> _wakes = new();
    private readonly string _tokens = Directory.CreateTempSubdirectory("cp-tokens-").FullName;
    // Any type of the program will do: three assemblies here have a Program.
    private WebApplicationFactory<ControlPlaneDb> _app = null!;

    public IServiceProvider Services => _app.Services;

    public string ConnectionString { get; private set; } = "";

    internal TestClock Clock { get; } = new();

    /// <summary>What the program is told beyond what every test needs.</summary>
    protected virtual IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["Http:Rates:Portal:Burst"] = "100000",
        ["Http:Rates:Support:Burst"] = "100000",
        ["Http:Rates:Admin:Burst"] = "100000",
        ["Http:Rates:Node:Burst"] = "100000",
        ["Http:Rates:Anonymous:Burst"] = "100000",
    };

    /// <summary>The stages that were woken so far.</summary>
    internal IReadOnlyCollection<OrderState> Wakes => _wakes;

    internal HttpClient Admin { get; private set; } = null!;

    internal HttpClient Support { get; private set; } = null!;

    /// <summary>A portal of the tenant acme.</summary>
    internal HttpClient Acme { get; private set; } = null!;

    /// <summary>A portal of the tenant globex.</summary>
    internal HttpClient Globex { get; private set; } = null!;

    internal HttpClient Anonymous { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        ConnectionString = await server.CreateMigratedDatabaseAsync();
        _app = Start();
        Anonymous = _app.CreateClient();
        Admin = await ClientAsync(ApiRole.Admin, null);
        Support = await ClientAsync(ApiRole.Support, null);
        Acme = await ClientAsync(ApiRole.Portal, "acme");
        Globex = await ClientAsync(ApiRole.Portal, "globex");
        await PrepareWebhooksAsync();
    }

    /// <summary>What a replica that opens the vault does at its start. Nobody here opens what is sealed to this
    /// key.</summary>
    private async Task PrepareWebhooksAsync()
    {
        using var pair = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        await using var db = Open();
        db.Add(new WebhookSealingKey
        {
            Id = Guid.NewGuid(),
            PublicKey = pair.ExportSubjectPublicKeyInfo(),
            CreatedAt = DateTimeOffset.UnixEpoch,
        });
        await db.SaveChangesAsync();
    }

    /// <summary>Starts a replica over the fixture's database.</summary>
    internal WebApplicationFactory<ControlPlaneDb> Start()
    {
        var app = new WebApplicationFactory<ControlPlaneDb>().WithWebHostBuilder(host => Settings
            .Aggregate(host, (settings, setting) => settings.UseSetting(setting.Key, setting.Value))
            .UseSetting("urls", "http://127.0.0.1:0")
            .UseSetting("Jobs:Enabled", "false")
            .UseSetting("Dns:Servers:0", "127.0.0.1:9")
            .UseSetting("Vault:CanOpen", "false")
            .UseSetting("CertCentral:ApiKey", "never-used")
            .UseSetting("TokenStore:Directory", _tokens)
            .UseSetting("ConnectionStrings:ControlPlane", ConnectionString)
            .UseSetting("Fleet:CnameTarget", "edge.controlplane.example")
            .UseSetting("Fleet:Addresses:0", "192.0.2.1")
            .UseSetting("Fleet:Addresses:1", "2001:db8::1")
            .ConfigureTestServices(services =>
            {
                RecordWakes(services);
                services.AddSingleton<TimeProvider>(Clock);
                Configure(services);
            }));
        app.UseKestrel();
        app.StartServer();
        return app;
    }

    /// <summary>Replaces what a test needs otherwise.</summary>
    protected virtual void Configure(IServiceCollection services)
    {
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _app.DisposeAsync();
        Directory.Delete(_tokens, recursive: true);
    }

    internal ControlPlaneDb Open() =>
        Services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContext();

    /// <summary>Enrols a node and returns its agent.</summary>
    internal async Task<TestNode> EnrolAsync(string name)
    {
        var code = await ReadAsync(await Admin.PostAsJsonAsync("/v1/nodes/join-codes", new { }));
        var node = new TestNode(Anonymous, Clock, name);
        await node.EnrolAsync(code["code"]!.ToString());
        return node;
    }

    /// <summary>Makes a key and returns its secret.</summary>
    internal async Task<(Guid Id, string Secret)> AddKeyAsync(ApiRole role, string? tenant, CreateKey? wanted = null)
    {
        await using var db = Open();
        var owner = tenant is null ? null : await TenantReference.FindAsync(db, tenant, default);
        var (key, secret) =
            await Keys.AddAsync(db, role, owner?.Id, wanted ?? new CreateKey("tests"), Clock.GetUtcNow());
        return (key.Id, secret.Reveal());
    }

    internal HttpClient WithKey(string key)
    {
        var client = _app.CreateClient();
        client.DefaultRequestHeaders.Authorization = new("Bearer", key);
        return client;
    }

    /// <summary>Registers a name as acme and returns its id.</summary>
    internal async Task<Guid> RegisterAsync(string hostname, HttpClient? client = null)
    {
        var response = await (client ?? Acme).PostAsJsonAsync("/v1/domains", new { hostname });
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        return Guid.Parse((await ReadAsync(response))["id"]!.ToString());
    }

    internal static async Task<JsonNode> ReadAsync(HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync())!;

    /// <summary>Asserts that an answer is a complete problem of the given kind.</summary>
    internal static async Task<JsonNode> ProblemAsync(HttpResponseMessage response, int status, string reason)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonNode.Parse(text)!;
        Assert.Equal(reason, problem["reason"]!.ToString());
        Assert.Equal($"/problems/{reason}", problem["type"]!.ToString());
        Assert.Equal(status, (int)problem["status"]!);
        Assert.All(
            new[] { "title", "detail", "waitingOn", "instance", "traceId" },
            field => Assert.False(string.IsNullOrEmpty(problem[field]?.ToString()), field));
        Assert.NotEmpty(problem["fix"]!.AsArray());
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("ControlPlane.", text, StringComparison.Ordinal);
        return problem;
    }

    private async Task<HttpClient> ClientAsync(ApiRole role, string? tenant)
    {
        await using var db = Open();
        Guid? id = null;
        if (tenant is not null)
        {
            var row = new Tenant { Id = Guid.CreateVersion7(), Name = tenant, CreatedAt = DateTimeOffset.UnixEpoch };
            db.Add(row);
            id = row.Id;
        }

        var (_, secret) = await Keys.AddAsync(
            db, role, id, new CreateKey($"{role} {tenant}"), DateTimeOffset.UnixEpoch);
        return WithKey(secret.Reveal());
    }

    private void RecordWakes(IServiceCollection services)
    {
        services.RemoveAll<IWakes>();
        services.AddSingleton<IWakes>(new QueuedWakes(_wakes));
    }

    private sealed class QueuedWakes(ConcurrentQueue<OrderState> wakes) : IWakes
    {
        public void Wake(OrderState state) => wakes.Enqueue(state);
    }
}
