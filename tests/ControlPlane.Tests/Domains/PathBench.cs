using System.Net;
using ControlPlane.Adoptions;
using ControlPlane.Audit;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Probing;
using ControlPlane.Domains.Running;
using ControlPlane.Http.Access;
using ControlPlane.Jobs;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Tests.Vault;
using ControlPlane.TokenStore;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Domains;

/// <summary>
/// The path on real parts (PostgreSQL, vault, token directory, listeners) with stand-ins for the CA, for a node's port
/// 80 and for the publisher. A bench begins by emptying its class's database.
/// </summary>
internal sealed class PathBench : IAsyncDisposable, IDbContextFactory<ControlPlaneDb>, IDesiredStatePublisher
{
    private readonly PostgresDatabase _database;
    private readonly string _folder = Directory.CreateTempSubdirectory("cp-path-").FullName;
    private readonly List<NodeStandIn> _listeners = [];
    private readonly ServiceProvider _services;
    private int _names;

    private PathBench(PostgresDatabase database)
    {
        _database = database;
        Pki = new TestPki(Clock.GetUtcNow());
        Trail = new AuditTrail(database.DataSource, Clock);
        Pause = new CollectionPause(Clock, NullLogger<CollectionPause>.Instance);
        Raise = new RaiseEpoch(database.DataSource, Clock, NullLogger<RaiseEpoch>.Instance);
        LocalKeyFile.Create(Path.Combine(_folder, "kek"));
        Directory.CreateDirectory(TokenFolder);
        Tokens = new SharedDirectory(TokenFolder);
        Kek = new RotatingKey(LocalKeyFile.Load(Path.Combine(_folder, "kek")));
        Vault = new PostgresVault(this, Kek, Clock);
        Wakes = new Wakes(database.DataSource, Clock, NullLogger<Wakes>.Instance);
        var services = new ServiceCollection()
            .AddSingleton<TimeProvider>(Clock)
            .AddSingleton<ICertificateAuthority>(Ca)
            .AddSingleton(Vault)
            .AddSingleton(Tokens)
            .AddSingleton<IDesiredStatePublisher>(this)
            .AddSingleton(new ChainVerifier(Clock, Pki.Anchors))
            .AddSingleton(_ => Options.Create(Fleet))
            .AddSingleton(_ => new Resolvers([.. ResolverEndPoints().Select(Resolver)]))
            .AddSingleton<OwnershipLookup>()
            .AddSingleton<CaaLookup>()
            .AddSingleton<CaEyes>()
            .AddSingleton<ProveOwnership>()
            .AddSingleton<AdoptBundle>()
            .AddSingleton<IWakes>(_ => Wakes)
            .AddSingleton<PublicProbe>();
        foreach (var (_, step) in IssuancePath.Steps)
        {
            services.AddSingleton(step);
        }

        _services = services.BuildServiceProvider();
        Runner = NewRunner();
    }

    public static TimeSpan Lease { get; } = TimeSpan.FromSeconds(60);

    public FakeClock Clock { get; } = new();

    public StandInCa Ca { get; } = new();

    public FleetOptions Fleet { get; set; } = new() { CnameTarget = "edge.example.com" };

    public TestPki Pki { get; }

    public AuditTrail Trail { get; }

    public CollectionPause Pause { get; }

    public RaiseEpoch Raise { get; }

    public ITokenStore Tokens { get; }

    public IVault Vault { get; }

    public RotatingKey Kek { get; }

    /// <summary>Gone with the bench.</summary>
    public string Folder => _folder;

    public Wakes Wakes { get; }

    public OrderRunner Runner { get; }

    public DnsServer? DnsServer { get; set; }

    /// <summary>Further resolvers, each asked by itself.</summary>
    public List<DnsServer> MoreDnsServers { get; } = [];

    public string TokenFolder => Path.Combine(_folder, "tokens");

    public int Published { get; private set; }

    public Guid FleetId { get; } = Guid.CreateVersion7();

    private Guid TenantId { get; } = Guid.CreateVersion7();

    public static async Task<PathBench> StartAsync(PostgresDatabase database)
    {
        var bench = new PathBench(database);
        await database.EmptyAsync("tenants", "fleets", "vault_keys", "vault_rewraps", "vault_replicas", "chains");
        await using var db = bench.Open();
        db.Tenants.Add(new Tenant { Id = bench.TenantId, Name = "shop", CreatedAt = bench.Clock.GetUtcNow() });
        db.Fleets.Add(new Fleet { Id = bench.FleetId, Name = "default", CreatedAt = bench.Clock.GetUtcNow() });
        await db.SaveChangesAsync();
        return bench;
    }

    public ControlPlaneDb Open() => _database.Open();

    public ControlPlaneDb CreateDbContext() => Open();

    void IDesiredStatePublisher.Wake() => Published++;

    /// <summary>The same steps under another provider of them: for tests that put a step of their own in
    /// place.</summary>
    public OrderRunner NewRunner(IServiceProvider? services = null) =>
        new(this, services ?? _services, Wakes, Clock, NullLogger<OrderRunner>.Instance);

    /// <summary>An order as its way to <paramref name="state"/> leaves it.</summary>
    public async Task<Order> OrderAsync(OrderState state, Action<Order>? shape = null, Domain? of = null)
    {
        await using var db = Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        var domain = of ?? new Domain
        {
            Id = Guid.CreateVersion7(),
            TenantId = TenantId,
            FleetId = FleetId,
            Hostname = $"shop-{++_names}.example.com",
            KeyAlgorithm = KeyAlgorithm.EcdsaP256,
            CreatedAt = Clock.GetUtcNow(),
        };
        if (of is null)
        {
            db.Domains.Add(domain);
            await db.SaveChangesAsync();
        }

        var order = Order.Open(domain, OrderKind.New, Clock.GetUtcNow());
        var passed = IssuancePath.Steps.Select(step => step.State)
            .TakeWhile(next => next <= state && state != OrderState.Failed).Skip(1);
        foreach (var next in passed)
        {
            if (next == OrderState.PendingValidation)
            {
                using var key = OrderKey.Make(domain.Hostname, domain.KeyAlgorithm);
                order.KeyId = await Vault.SealAsync(key.Key, domain.Id, order.Id, default);
                (order.Csr, order.SubmittedAt, order.CaOrderId) = (key.Csr, Clock.GetUtcNow(), StandInCa.OrderId);
            }

            order.MoveTo(next, Clock.GetUtcNow());
        }

        var issued = state is OrderState.PendingDeployment or OrderState.Active ? NewBundle(order) : null;
        order.BundleId = issued?.Bundle.Id;
        if (state is OrderState.Active or OrderState.Failed)
        {
            order.MoveTo(state, Clock.GetUtcNow());
        }

        shape?.Invoke(order);
        db.Orders.Add(order);
        await db.SaveChangesAsync();
        if (issued is not null)
        {
            await issued.StoreChainAsync(db, default);
            db.Bundles.Add(issued.Bundle);
            await db.SaveChangesAsync();
        }

        await transaction.CommitAsync();
        if (issued is not null)
        {
            await WantAsync(order, issued.Bundle.Id);
        }

        return await ReadAsync(order);
    }

    /// <summary>Claims an order that is due, as a stage does.</summary>
    public async Task<Order> ClaimAsync(Order order, TimeSpan? lease = null)
    {
        await using var db = Open();
        var claimed = await db.Orders.FromSql(
            $"""
             UPDATE orders SET lease_until = clock_timestamp() + {lease ?? Lease}, lease_token = {Guid.NewGuid()}
             WHERE id = {order.Id} AND next_attempt_at <= {Clock.GetUtcNow()}
               AND (lease_until IS NULL OR lease_until < clock_timestamp())
             RETURNING *
             """).AsNoTracking().ToListAsync();
        return Assert.Single(claimed);
    }

    /// <summary>One turn of an order that is due: claimed, worked on until it waits, moves or ends.</summary>
    public async Task<Order> TurnAsync(Order order)
    {
        await Runner.RunAsync(await ClaimAsync(order), Lease, Clock.GetTimestamp(), default);
        return await ReadAsync(order);
    }

    /// <summary>Turns, each at its time, until the order has left its state.</summary>
    public async Task<Order> TurnUntilMovedAsync(Order order)
    {
        var state = order.State;
        for (var turn = 0; order.State == state && turn < 30; turn++)
        {
            var wait = (await ReadAsync(order)).NextAttemptAt!.Value - Clock.GetUtcNow();
            Clock.Advance(wait > TimeSpan.Zero ? wait : TimeSpan.Zero);
            order = await TurnAsync(order);
        }

        Assert.NotEqual(state, order.State);
        return order;
    }

    public async Task<Order> ReadAsync(Order order)
    {
        await using var db = Open();
        return await db.Orders.AsNoTracking().Include(row => row.Domain).SingleAsync(row => row.Id == order.Id);
    }

    public async Task<IReadOnlyList<string>> EventsAsync(Order order)
    {
        await using var db = Open();
        return await db.Events.Where(row => row.OrderId == order.Id).OrderBy(row => row.Id).Select(row => row.Type)
            .ToListAsync();
    }

    public async Task<IReadOnlyList<string>> SeenAsync(Order order)
    {
        await using var db = Open();
        return await db.CaOrdersSeen.Where(row => row.OrderId == order.Id).Select(row => row.CaOrderId).Order()
            .ToListAsync();
    }

    public async Task<int> SqlAsync(FormattableString sql)
    {
        await using var db = Open();
        return await db.Database.ExecuteSqlAsync(sql);
    }

    public async Task<T> ValueAsync<T>(FormattableString sql)
    {
        await using var db = Open();
        return await db.Database.SqlQuery<T>(sql).SingleAsync();
    }

    /// <summary>A node with a listener of its own at its port 80.</summary>
    public async Task<(Guid Id, NodeStandIn Listener)> NodeAsync(
        string name, NodeStanding standing = NodeStanding.Serving)
    {
        var listener = await NodeStandIn.StartAsync(TokenFolder);
        _listeners.Add(listener);
        await using var db = Open();
        var node = new Node
        {
            Id = Guid.CreateVersion7(),
            FleetId = FleetId,
            Name = name,
            Standing = standing,
            HttpEndpoint = listener.Endpoint.ToString(),
            SigningKey = Guid.NewGuid().ToByteArray(),
            SigningKeyId = Guid.NewGuid().ToString("N"),
            SealingKey = Guid.NewGuid().ToByteArray(),
            SealingKeyId = Guid.NewGuid().ToString("N"),
            AgentVersion = "1",
            JoinedAt = Clock.GetUtcNow(),
        };
        db.Nodes.Add(node);
        await db.SaveChangesAsync();
        return (node.Id, listener);
    }

    /// <summary>What the publisher does with a change: it becomes desired state at a new revision.</summary>
    public Task PublishAsync() => SqlAsync(
        $"""
         WITH taken AS (DELETE FROM desired_changes RETURNING *)
         INSERT INTO desired_state (fleet_id, domain_id, hostname, bundle_id, order_sequence, revision, changed_at)
         SELECT fleet_id, domain_id, hostname, bundle_id, order_sequence,
                coalesce((SELECT max(revision) FROM desired_state), 0) + 1, changed_at FROM taken
         ON CONFLICT (fleet_id, domain_id) DO UPDATE SET bundle_id = excluded.bundle_id,
             order_sequence = excluded.order_sequence, revision = excluded.revision, changed_at = excluded.changed_at
         WHERE desired_state.order_sequence <= excluded.order_sequence
         """);

    /// <summary>What a node reports: this fingerprint on disk, in memory and on the wire; or, without one, a
    /// withdrawal.</summary>
    public Task ReportAsync(Guid node, Order order, string? fingerprint) => SqlAsync(
        $"""
         INSERT INTO node_observations (node_id, domain_id, revision, state,
             disk_fingerprint, memory_fingerprint, handshake_fingerprint, observed_at)
         SELECT {node}, {order.DomainId}, revision, {(fingerprint is null ? "Withdrawn" : "Serving")},
                {fingerprint}, {fingerprint}, {fingerprint}, {Clock.GetUtcNow()}
         FROM desired_state WHERE domain_id = {order.DomainId}
         ON CONFLICT (node_id, domain_id) DO UPDATE SET revision = excluded.revision, state = excluded.state,
             disk_fingerprint = excluded.disk_fingerprint, memory_fingerprint = excluded.memory_fingerprint,
             handshake_fingerprint = excluded.handshake_fingerprint
         """);

    public Task<string> FingerprintAsync(Order order) => ValueAsync<string>(
        $"""SELECT fingerprint AS "Value" FROM bundles WHERE order_id = {order.Id}""");

    public async ValueTask DisposeAsync()
    {
        foreach (var listener in _listeners)
        {
            await listener.DisposeAsync();
        }

        foreach (var server in MoreDnsServers.Append(DnsServer).OfType<DnsServer>())
        {
            await server.DisposeAsync();
        }

        await _services.DisposeAsync();
        Wakes.Dispose();
        Pki.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Where nobody listens, when the test has no DNS: then nobody can be asked.</summary>
    private IEnumerable<IPEndPoint> ResolverEndPoints() => DnsServer is null
        ? [new IPEndPoint(IPAddress.Loopback, 9)]
        : MoreDnsServers.Prepend(DnsServer).Select(server => server.EndPoint);

    private static DnsClient Resolver(IPEndPoint server) =>
        new(new DnsClientOptions { Servers = [server] }, TimeProvider.System);

    private IssuedBundle NewBundle(Order order)
    {
        var claimed = order.LeaseUntil;
        order.LeaseUntil = Clock.GetUtcNow();
        var run = new OrderRun(order, Open(), Clock, Lease, Clock.GetTimestamp());
        order.LeaseUntil = claimed;
        return IssuedBundle.Read(run, Pki.Issue(order.Csr!, order.Hostname));
    }

    private Task WantAsync(Order order, Guid bundle) => SqlAsync(
        $"""
         INSERT INTO desired_state (fleet_id, domain_id, hostname, bundle_id, order_sequence, revision, changed_at)
         SELECT {FleetId}, {order.DomainId}, {order.Hostname}, {bundle}, sequence,
                coalesce((SELECT max(revision) FROM desired_state), 0) + 1, now() FROM orders WHERE id = {order.Id}
         ON CONFLICT (fleet_id, domain_id) DO UPDATE SET bundle_id = excluded.bundle_id,
             order_sequence = excluded.order_sequence, revision = excluded.revision
         """);
}
