using ControlPlane.Database;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Http.Access;
using ControlPlane.Vault;
using ControlPlane.Webhooks;
using ControlPlane.Webhooks.Sending;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Webhooks;

/// <summary>Webhooks on real parts: PostgreSQL, vault, receivers on loopback, any number of replicas. A bench begins by
/// emptying its class's database.</summary>
internal sealed class WebhookBench : IAsyncDisposable, IDbContextFactory<ControlPlaneDb>
{
    private readonly PostgresDatabase _database;
    private readonly string _folder = Directory.CreateTempSubdirectory("cp-hooks-").FullName;
    private readonly DnsServer _dns = DnsServer.Start(new(System.Net.IPAddress.Loopback, 0), _ => DnsReply.Of());
    private readonly KeyRing _ring;
    private long _lastTold;

    private WebhookBench(PostgresDatabase database)
    {
        _database = database;
        LocalKeyFile.Create(Path.Combine(_folder, "kek"));
        _ring = new KeyRing(LocalKeyFile.Load(Path.Combine(_folder, "kek")));
        Vault = new PostgresVault(this, _ring, Clock);
        Seal = new SecretSeal(this, Vault, _ring, Clock);
    }

    public FakeClock Clock { get; } = new();

    public IVault Vault { get; }

    public SecretSeal Seal { get; }

    public Guid TenantId { get; } = Guid.CreateVersion7();

    public static async Task<WebhookBench> StartAsync(PostgresDatabase database)
    {
        var bench = new WebhookBench(database);
        await database.EmptyAsync("tenants", "vault_keys", "webhook_sealing_keys", "event_marks");
        await using var db = bench.Open();
        db.Tenants.Add(new Tenant { Id = bench.TenantId, Name = "shop", CreatedAt = bench.Clock.GetUtcNow() });
        await db.SaveChangesAsync();
        return bench;
    }

    public ControlPlaneDb Open() => _database.Open();

    public ControlPlaneDb CreateDbContext() => Open();

    /// <summary>Another replica that opens the vault, and sends to so many receivers at a time.</summary>
    public WebhookDispatch NewReplica(int slots = 64)
    {
        var options = Options.Create(new WebhookOptions { AllowReservedAddresses = true, Parallelism = slots });
        var dns = new DnsClient(new DnsClientOptions { Servers = [_dns.EndPoint] }, TimeProvider.System);
        var record = new DeliveryRecord(this, Clock, NullLogger<DeliveryRecord>.Instance);
        var turns = new WebhookTurn(this, Seal, record, dns, options, Clock, NullLogger<WebhookTurn>.Instance);
        return new WebhookDispatch(this, Seal, turns, options, Clock, NullLogger<WebhookDispatch>.Instance);
    }

    /// <summary>A webhook that is told of every event from now on, and its secret.</summary>
    public async Task<(Webhook Webhook, string Secret)> AddAsync(string url, params string[] types)
    {
        var webhook = new Webhook
        {
            Id = Guid.CreateVersion7(),
            TenantId = TenantId,
            Url = url,
            Description = "",
            EventTypes = types is [] ? ["*"] : types,
            Cursor = _lastTold,
            CreatedAt = Clock.GetUtcNow(),
        };
        var (row, secret) = (await Seal.MakeAsync(webhook.Id, default))!.Value;
        await using var db = Open();
        db.AddRange(webhook, row);
        await db.SaveChangesAsync();
        return (webhook, WebhookSecrets.Reveal(secret));
    }

    /// <summary>Something happens; returns the id its posts must carry, once it is settled: other tests' transactions
    /// on the same server hold it back.</summary>
    public async Task<string> TellAsync(string type = EventTypes.DomainActive) => (await TellAsync(1, type))[0];

    public async Task<IReadOnlyList<string>> TellAsync(int count, string type = EventTypes.DomainActive)
    {
        var told = Enumerable.Range(0, count).Select(_ => new DomainEvent
        {
            At = Clock.GetUtcNow(),
            TenantId = TenantId,
            Type = type,
            Message = "It happened.",
        }).ToList();
        await using var db = Open();
        db.AddRange(told);
        await db.SaveChangesAsync();
        _lastTold = told.Max(one => one.Id);
        await Eventually.TrueAsync(
            async () => await EventFeed.SettledToAsync(db, default) >= _lastTold, "the events are settled");
        return [.. told.OrderBy(one => one.Id).Select(WebhookMessage.IdOf)];
    }

    /// <summary>Sends until there is nothing more to send at this time.</summary>
    public static async Task DrainAsync(WebhookDispatch replica)
    {
        while (await replica.LookAsync(default) is { Count: > 0 } turns)
        {
            await Task.WhenAll(turns);
        }
    }

    public async Task<Webhook> ReadAsync(Webhook webhook)
    {
        await using var db = Open();
        return await db.Webhooks.AsNoTracking().SingleAsync(row => row.Id == webhook.Id);
    }

    public async Task<IReadOnlyList<WebhookDelivery>> DeliveriesAsync(Webhook webhook)
    {
        await using var db = Open();
        return await db.WebhookDeliveries.AsNoTracking().Where(row => row.WebhookId == webhook.Id)
            .OrderBy(row => row.Id).ToListAsync();
    }

    /// <summary>Changes a webhook as a route does.</summary>
    public async Task ChangeAsync(Webhook webhook, Action<Webhook> change)
    {
        await using var db = Open();
        change(await db.Webhooks.SingleAsync(row => row.Id == webhook.Id));
        await db.SaveChangesAsync();
    }

    /// <summary>As if the replica that holds it had died long ago.</summary>
    public async Task EndLeaseAsync(Webhook webhook)
    {
        await using var db = Open();
        await db.Database.ExecuteSqlAsync(
            $"UPDATE webhooks SET lease_until = clock_timestamp() - interval '1 second' WHERE id = {webhook.Id}");
    }

    public ValueTask DisposeAsync()
    {
        _ring.Dispose();
        Directory.Delete(_folder, recursive: true);
        return _dns.DisposeAsync();
    }
}
