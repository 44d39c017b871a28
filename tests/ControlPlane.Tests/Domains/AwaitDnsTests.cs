using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains;

namespace ControlPlane.Tests.Domains;

/// <summary>Where a name leads, over real DNS messages, and the probe for names that lead to us from
/// elsewhere.</summary>
public sealed class AwaitDnsTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private static readonly IPAddress Ours = IPAddress.Parse("192.0.2.7");

    /// <summary>Dialled by the probe: nobody listens at its port 9.</summary>
    private static readonly IPAddress Elsewhere = IPAddress.Parse("127.0.0.9");


    [Theory]
    [InlineData("CNAME to the fleet", "PendingOrder", null)]
    [InlineData("the fleet's address", "PendingOrder", null)]
    [InlineData("one address of ours and one not", "PendingDns", "dns-elsewhere")]
    [InlineData("elsewhere", "PendingDns", "dns-elsewhere")]
    [InlineData("nowhere", "PendingDns", "dns-not-there")]
    [InlineData("no answer", "PendingDns", "dns-not-answering")]
    public async Task The_records_of_the_name_decide(string records, string state, string? reason)
    {
        await using var bench = await StartAsync(records);
        var order = await bench.OrderAsync(OrderState.PendingDns);

        var after = await bench.TurnAsync(order);

        Assert.Equal((state, reason, 0), (after.State.ToString(), after.Reason, after.Attempts));
    }

    [Theory]
    [InlineData("CNAME to the fleet", "PendingDns", "dns-wrong-target")]
    [InlineData("the fleet's address", "PendingDns", "dns-wrong-target")]
    [InlineData("CNAME to the second fleet", "PendingOrder", null)]
    [InlineData("elsewhere", "PendingOrder", null)]
    public async Task A_name_must_lead_to_its_own_fleet_and_not_to_another(string records, string state, string? reason)
    {
        await using var bench = await StartAsync(records);
        var second = Guid.CreateVersion7();
        string[] addresses = [Elsewhere.ToString()];
        await bench.SqlAsync(
            $"""
             INSERT INTO fleets (id, name, cname_target, addresses, created_at)
             VALUES ({second}, 'second', 'second.example.net', {addresses}, now())
             """);
        var order = await bench.OrderAsync(OrderState.PendingDns);
        await bench.SqlAsync($"UPDATE domains SET fleet_id = {second} WHERE id = {order.DomainId}");

        var after = await bench.TurnAsync(order);

        Assert.Equal((state, reason), (after.State.ToString(), after.Reason));
    }

    [Theory]
    [InlineData("nowhere", "Failed", "dns-timed-out")]
    [InlineData("no answer", "PendingDns", "dns-not-answering")]
    public async Task After_a_week_a_name_that_is_not_there_fails_but_not_one_that_could_not_be_asked(
        string records, string state, string reason)
    {
        await using var bench = await StartAsync(records);
        var order = await bench.OrderAsync(OrderState.PendingDns);
        bench.Clock.Advance(TimeSpan.FromDays(8));

        var after = await bench.TurnAsync(order);

        Assert.Equal((state, reason), (after.State.ToString(), after.Reason));
    }

    [Theory]
    [InlineData(true, false, "PendingOrder")]
    [InlineData(true, true, "PendingDns")]
    [InlineData(false, false, "PendingDns")]
    public async Task A_name_behind_others_counts_when_a_probe_arrives_and_reserved_addresses_are_not_dialled(
        bool allowed, bool blind, string state)
    {
        await using var bench = await StartAsync("loopback");
        var (_, node) = await bench.NodeAsync("a");
        node.Blind = blind;
        bench.Fleet = new FleetOptions
        {
            CnameTarget = "edge.example.com",
            ProbePort = node.Endpoint.Port,
            ProbeReservedAddresses = allowed,
        };
        var order = await bench.OrderAsync(OrderState.PendingDns);

        var after = await bench.TurnAsync(order);

        Assert.Equal(state, after.State.ToString());
        Assert.Equal(allowed, node.Asked > 0);
        Assert.Empty(await bench.Tokens.ListAsync(default));
    }

    [Fact]
    public async Task A_name_with_a_crowd_of_addresses_is_not_probed()
    {
        await using var bench = await StartAsync("a crowd");
        var (_, node) = await bench.NodeAsync("a");
        bench.Fleet = new FleetOptions
        {
            CnameTarget = "edge.example.com",
            ProbePort = node.Endpoint.Port,
            ProbeReservedAddresses = true,
        };

        var after = await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingDns));

        Assert.Equal(OrderState.PendingDns, after.State);
        Assert.Equal(0, node.Asked);
    }

    private async Task<PathBench> StartAsync(string records)
    {
        var bench = await PathBench.StartAsync(database);
        bench.Fleet = new FleetOptions
        {
            CnameTarget = "edge.example.com",
            Addresses = [Ours.ToString()],
            ProbePort = 9,
            ProbeReservedAddresses = true,
        };
        bench.DnsServer = DnsServer.Start(
            new IPEndPoint(IPAddress.Loopback, 0), question => (records, question.Type) switch
        {
            ("no answer", _) => DnsReply.Failure,
            ("nowhere", _) => DnsReply.NoSuchName,
            ("CNAME to the fleet", _) when question.Name != "edge.example.com" =>
                DnsReply.Of(new CnameRecord(question.Name, 1, "edge.example.com")),
            ("CNAME to the second fleet", _) when question.Name != "second.example.net" =>
                DnsReply.Of(new CnameRecord(question.Name, 1, "second.example.net")),
            (_, DnsRecordType.AAAA) => DnsReply.Of(),
            ("CNAME to the fleet" or "the fleet's address", _) =>
                DnsReply.Of(new AddressRecord(question.Name, 1, Ours)),
            ("a crowd", _) => DnsReply.Of([.. Enumerable.Range(1, 17).Select(n =>
                new AddressRecord(question.Name, 1, IPAddress.Parse($"127.0.0.{n}")))]),
            ("loopback", _) => DnsReply.Of(new AddressRecord(question.Name, 1, IPAddress.Loopback)),
            ("elsewhere" or "CNAME to the second fleet", _) =>
                DnsReply.Of(new AddressRecord(question.Name, 1, Elsewhere)),
            _ => DnsReply.Of(new AddressRecord(question.Name, 1, Ours), new AddressRecord(question.Name, 1, Elsewhere)),
        });
        return bench;
    }
}
