using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Jobs;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Enrolling;
using ControlPlane.Vault;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.Nodes;

/// <summary>The routes of <c>Nodes/</c> on a real listener over a real database, with a clock that tests
/// move.</summary>
internal sealed class NodesApp : IAsyncDisposable
{
    private readonly PostgresDatabase _database;
    private readonly HttpClient _http;

    private NodesApp(PostgresDatabase database, WebApplication app, TestClock clock)
    {
        _database = database;
        App = app;
        Clock = clock;
        _http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public WebApplication App { get; }

    public TestClock Clock { get; }

    public HttpClient Http => _http;

    public RecordedWakes Wakes => (RecordedWakes)App.Services.GetRequiredService<IWakes>();

    public KeptKeys Vault => (KeptKeys)App.Services.GetRequiredService<IVault>();

    public static Task<NodesApp> StartAsync(PostgresDatabase database, params string[] settings) =>
        StartAsync(database, new KeptKeys(), settings);

    /// <summary>With another vault than the one that stands in for it.</summary>
    public static async Task<NodesApp> StartAsync(PostgresDatabase database, IVault vault, params string[] settings)
    {
        var clock = new TestClock();
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => setting.Split('=', 2))
            .Select(pair => KeyValuePair.Create(pair[0], (string?)pair[1]))
            .Append(new("ConnectionStrings:ControlPlane", database.ConnectionString)));
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddSingleton<IWakes, RecordedWakes>();
        builder.Services.AddSingleton(vault);
        builder.AddDatabase();
        builder.AddLimits();
        builder.AddAccess();
        builder.Services.ConfigureHttpJsonOptions(json => JsonSetup.Apply(json.SerializerOptions));
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.AddNodes();
        // Elsewhere it is the program's other folders that do this.
        builder.Services.Configure<FleetOptions>(builder.Configuration.GetSection(FleetOptions.Section));
        builder.Services.AddSingleton<NodeLiveness>();
        var app = builder.Build();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapNodes();
        await app.StartAsync();
        return new NodesApp(database, app, clock);
    }

    /// <summary>An admin's call.</summary>
    public async Task<HttpResponseMessage> AdminAsync(HttpMethod method, string path, object? body = null)
    {
        _adminKey ??= await CreateAdminAsync();
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _adminKey);
        request.Content = body is null ? null : JsonContent.Create(body);
        return await _http.SendAsync(request);
    }

    public async Task<string> JoinCodeAsync(string? fleet = null)
    {
        using var answer = await AdminAsync(HttpMethod.Post, "/v1/nodes/join-codes", new { fleet });
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<CreatedJoinCode>())!.Code;
    }

    public async Task<TestNode> EnrolAsync(string name, string? fleet = null)
    {
        var node = new TestNode(_http, Clock, name);
        await node.EnrolAsync(await JoinCodeAsync(fleet));
        return node;
    }

    public FleetRows Rows => new(_database);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await App.DisposeAsync();
    }

    private string? _adminKey;

    private async Task<string> CreateAdminAsync()
    {
        var secret = ApiKeySecret.Create(ApiRole.Admin);
        await using var db = _database.Open();
        db.ApiKeys.Add(new ApiKey
        {
            Id = Guid.CreateVersion7(),
            Role = ApiRole.Admin,
            Name = "tests",
            SecretHash = secret.Hash,
            CreatedAt = Clock.GetUtcNow(),
        });
        await db.SaveChangesAsync();
        return secret.Reveal();
    }
}

/// <summary>The system's clock, moved at will; timers run at the usual pace.</summary>
internal sealed class TestClock : TimeProvider
{
    private long _ticks;

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    public override long GetTimestamp() =>
        base.GetTimestamp() + (long)(
            TimeSpan.FromTicks(Interlocked.Read(ref _ticks)).TotalSeconds * TimestampFrequency);
}

/// <summary>Stands in for the stages: remembers who was woken.</summary>
internal sealed class RecordedWakes : IWakes
{
    public ConcurrentBag<OrderState> Woken { get; } = [];

    public void Wake(OrderState state) => Woken.Add(state);
}

/// <summary>Stands in for the vault: keys in memory, and a switch that takes it away.</summary>
internal sealed class KeptKeys : IVault
{
    private readonly ConcurrentDictionary<Guid, byte[]> _keys = new();
    private int _opened;

    public bool Away { get; set; }

    /// <summary>How many keys were opened.</summary>
    public int Opened => _opened;

    public Guid Add(byte[] pkcs8)
    {
        var id = Guid.CreateVersion7();
        _keys[id] = pkcs8;
        return id;
    }

    /// <summary>False: as on a replica that holds no key-encryption key.</summary>
    public bool IsSealing { get; set; } = true;

    public Task<Guid> SealAsync(PrivateKey key, Guid domain, Guid order, CancellationToken ct) => IsSealing
        ? Task.FromResult(Add(key.Pkcs8.ToArray()))
        : throw new VaultException("This replica holds no key-encryption key.");

    public Task<IReadOnlyDictionary<Guid, VaultKey>> ReadAsync(
        IReadOnlyCollection<Guid> keyIds, CancellationToken ct) => Away
        ? throw new VaultException("The vault is away.")
        : Task.FromResult<IReadOnlyDictionary<Guid, VaultKey>>(
            keyIds.Where(_keys.ContainsKey).ToDictionary(id => id, id => new VaultKey
            {
                Id = id,
                DomainId = Guid.Empty,
                OrderId = Guid.Empty,
                PublicKeyHash = new byte[32],
                KekId = "none",
                WrappedKey = [],
                Nonce = [],
                Ciphertext = _keys[id],
                CreatedAt = DateTimeOffset.UnixEpoch,
            }));

    public Task<PrivateKey> OpenAsync(VaultKey key, CancellationToken ct)
    {
        Interlocked.Increment(ref _opened);
        return Away
            ? throw new VaultException("The vault is away.")
            : Task.FromResult(new PrivateKey([.. key.Ciphertext], key.PublicKeyHash));
    }

    public Task DeleteAsync(Guid keyId, CancellationToken ct)
    {
        _keys.TryRemove(keyId, out _);
        return Task.CompletedTask;
    }
}
