using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Domains.Preflight;

/// <summary>
/// A path bench on whose loopback a small internet stands: a resolver whose table a test fills, further resolvers with
/// tables of their own, and doors at addresses. Our fleet is 127.0.0.1 behind edge.example.com.
/// </summary>
internal sealed class LookBench(PathBench path) : IAsyncDisposable
{
    public const string Edge = "edge.example.com";

    /// <summary>The name of the bench's one order.</summary>
    public const string Name = "shop-1.example.com";

    public static readonly IPAddress Ours = IPAddress.Loopback;

    private readonly List<Door> _doors = [];

    public PathBench Path => path;

    public DnsTable Dns { get; } = new();

    /// <summary>What the first resolver says before its table is asked; null leaves it to the table.</summary>
    public Func<DnsQuestion, DnsReply?> Say { get; set; } = _ => null;

    public Order Order { get; private set; } = null!;

    public static async Task<LookBench> StartAsync(
        PostgresDatabase database, OrderState state = OrderState.PendingDns)
    {
        var bench = new LookBench(await PathBench.StartAsync(database));
        bench.Path.DnsServer = DnsServer.Start(
            new IPEndPoint(IPAddress.Loopback, 0), question => bench.Say(question) ?? bench.Dns.Answer(question));
        bench.Dns.Set(Edge, new AddressRecord(Edge, 1, Ours));
        bench.SetFleet(probePort: 9);
        bench.Order = await bench.Path.OrderAsync(state);
        Assert.Equal(Name, bench.Order.Hostname);
        return bench;
    }

    public void SetFleet(int probePort, bool reserved = true, bool byAddress = false) => path.Fleet = new FleetOptions
    {
        CnameTarget = byAddress ? null : Edge,
        Addresses = [Ours.ToString()],
        ProbePort = probePort,
        ProbeReservedAddresses = reserved,
    };

    public void Cname(string target, uint ttl = 1) => Dns.Set(Name, new CnameRecord(Name, ttl, target));

    public void Addresses(params string[] addresses) => Dns.Set(Name, Records(addresses));

    /// <summary>One more resolver, which sees the name at these addresses and everything else as the first.</summary>
    public void AnotherResolver(uint ttl, params string[] addresses) => path.MoreDnsServers.Add(DnsServer.Start(
        new IPEndPoint(IPAddress.Loopback, 0),
        question => question.Name != Name ? Dns.Answer(question) : DnsReply.Of(
            [.. Records(addresses).Where(row => row.Type == question.Type).Select(row => row with { Ttl = ttl })])));

    /// <summary>Opens a door that gives the token back, and has every other address probed at its port.</summary>
    public Door DoorToUs(string address)
    {
        var door = Door.ToUs(address, _doors.Count == 0 ? 0 : _doors[0].Port, path.TokenFolder, Name);
        return Add(door);
    }

    public Door DoorSaying(string address, string answer) =>
        Add(Door.Saying(address, _doors.Count == 0 ? 0 : _doors[0].Port, answer));

    /// <summary>The order's next turn, and what a GET then shows.</summary>
    public async Task<DomainView> LookAsync()
    {
        await path.SqlAsync($"UPDATE orders SET next_attempt_at = {path.Clock.GetUtcNow()} WHERE id = {Order.Id}");
        Order = await path.TurnAsync(Order);
        return await ReadAsync();
    }

    public async Task<DomainView> ReadAsync()
    {
        await using var db = path.Open();
        var domain = await db.Domains.AsNoTracking().SingleAsync(row => row.Id == Order.DomainId);
        return await new DomainViews(db, path.Authorities, Options.Create(path.Fleet), path.Clock)
            .OneAsync(domain, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var door in _doors)
        {
            await door.DisposeAsync();
        }

        await path.DisposeAsync();
    }

    /// <summary>The records to copy, as <c>+ TYPE name value</c> to create and <c>- …</c> to remove.</summary>
    public static IEnumerable<string> Steps(IEnumerable<FixStep> fix) => fix.Where(step => step.Record is not null)
        .Select(step => $"{(step.Remove ? '-' : '+')} {step.Record!.Type} {step.Record.Name} {step.Record.Value}");

    private static DnsRecord[] Records(string[] addresses) =>
        [.. addresses.Select(address => new AddressRecord(Name, 1, IPAddress.Parse(address)))];

    private Door Add(Door door)
    {
        _doors.Add(door);
        SetFleet(door.Port);
        return door;
    }
}
