using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using ControlPlane.Http.Access;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Domains.Ownership;

/// <summary>A path bench with several tenants and a real DNS server whose table a test changes.</summary>
internal sealed class ContestBench(PathBench path) : IAsyncDisposable
{
    public const string Edge = "edge.example.com";

    public const string Name = "shop.contested.com";

    public static readonly IPAddress Ours = IPAddress.Parse("192.0.2.7");

    public PathBench Path => path;

    public DnsTable Dns { get; } = new();

    /// <summary>True makes every TXT question end in SERVFAIL.</summary>
    public bool TxtFails { get; set; }

    public static async Task<ContestBench> StartAsync(PostgresDatabase database)
    {
        var bench = new ContestBench(await PathBench.StartAsync(database));
        bench.Path.Fleet = new FleetOptions { CnameTarget = Edge, Addresses = [Ours.ToString()] };
        bench.Dns.Set(Edge, new AddressRecord(Edge, 1, Ours));
        bench.Path.DnsServer = DnsServer.Start(
            new IPEndPoint(IPAddress.Loopback, 0),
            question => bench.TxtFails && question.Type == DnsRecordType.TXT
                ? DnsReply.Failure
                : bench.Dns.Answer(question));
        return bench;
    }

    /// <summary>A tenant's claim with its order, as a registration or its way to the state left it.</summary>
    public async Task<Order> ClaimAsync(
        string tenant, Claim claim = Claim.Contested, OrderState state = OrderState.PendingDns, string name = Name,
        string? target = null)
    {
        await using var db = path.Open();
        var owner = await db.Tenants.SingleOrDefaultAsync(row => row.Name == tenant);
        if (owner is null)
        {
            owner = new Tenant { Id = Guid.CreateVersion7(), Name = tenant, CreatedAt = path.Clock.GetUtcNow() };
            db.Add(owner);
        }

        var domain = new Domain
        {
            Id = Guid.CreateVersion7(),
            TenantId = owner.Id,
            FleetId = path.FleetId,
            Hostname = name,
            KeyAlgorithm = KeyAlgorithm.EcdsaP256,
            Status = state == OrderState.Active ? DomainStatus.Active : DomainStatus.Pending,
            Claim = claim,
            CnameTarget = target,
            CreatedAt = path.Clock.GetUtcNow(),
        };
        db.Add(domain);
        await db.SaveChangesAsync();
        return await path.OrderAsync(state, of: domain);
    }

    public void PointHere(string to = Edge) => Dns.Set(Name, new CnameRecord(Name, 1, to));

    public void ShowRecords(params Order[] claims)
    {
        var name = OwnershipRecord.NameFor(Name);
        Dns.Set(name,
            [.. claims.Select(claim => new TxtRecord(name, 1, [OwnershipRecord.ValueFor(claim.Domain)]))]);
    }

    /// <summary>The order's next turn, as if somebody had asked for a check.</summary>
    public async Task<Order> TurnAsync(Order order)
    {
        await path.SqlAsync(
            $"UPDATE orders SET next_attempt_at = {path.Clock.GetUtcNow()} WHERE id = {order.Id}");
        return await path.TurnAsync(order);
    }

    public async Task<IReadOnlyList<string>> EventsOfDomainAsync(Order order)
    {
        await using var db = path.Open();
        return await db.Events.Where(row => row.DomainId == order.DomainId).OrderBy(row => row.Id)
            .Select(row => row.Type).ToListAsync();
    }

    public ValueTask DisposeAsync() => path.DisposeAsync();
}
