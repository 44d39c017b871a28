using System.Collections.Concurrent;
using System.Net;
using ControlPlane.Dns;

namespace ControlPlane.Tests.Dns;

/// <summary>
/// The client against real servers on loopback: our stand-in for what DNS does, raw sockets for what it should not.
/// </summary>
public sealed class DnsClientTests
{
    private static readonly IPAddress V4 = IPAddress.Parse("192.0.2.7");
    private static readonly IPAddress V6 = IPAddress.Parse("2001:db8::7");

    [Theory]
    [InlineData("a.test", "A", "NoError", "")]
    [InlineData("A.Test.", "A", "NoError", "")]
    [InlineData("a.test", "TXT", "NoData", "")]
    [InlineData("test", "A", "NoData", "")]
    [InlineData("none.test", "A", "NxDomain", "")]
    [InlineData("shop.test", "A", "NoError", "edge.test a.test")]
    [InlineData("shop.test", "TXT", "NoData", "edge.test a.test")]
    [InlineData("shop.test", "CNAME", "NoError", "")]
    [InlineData("dangling.test", "A", "NxDomain", "none.test")]
    [InlineData("circle.test", "A", "ChainBroken", "round.test circle.test")]
    [InlineData("broken.test", "A", "ServFail", "")]
    [InlineData("into-broken.test", "A", "ServFail", "broken.test")]
    [InlineData("refused.test", "A", "Refused", "")]
    [InlineData("silent.test", "A", "Timeout", "")]
    public async Task Each_kind_of_answer_has_its_own_status(string name, string type, string status, string chain)
    {
        var table = new DnsTable();
        table.Set("a.test", new AddressRecord("a.test", 60, V4));
        table.Set("edge.test", new CnameRecord("edge.test", 60, "a.test"));
        table.Set("shop.test", new CnameRecord("shop.test", 60, "edge.test"));
        table.Set("dangling.test", new CnameRecord("dangling.test", 60, "none.test"));
        table.Set("circle.test", new CnameRecord("circle.test", 60, "round.test"));
        table.Set("round.test", new CnameRecord("round.test", 60, "circle.test"));
        await using var server = Serve(q => q.Name switch
        {
            "broken.test" => DnsReply.Failure,
            "into-broken.test" => DnsReply.Of(new CnameRecord(q.Name, 60, "broken.test")),
            "refused.test" => new DnsReply { Code = DnsResponseCode.Refused },
            "silent.test" => DnsReply.Silence,
            _ => table.Answer(q),
        });
        var patience = name == "silent.test" ? TimeSpan.FromMilliseconds(50) : Generous;

        var answer = await Client(patience, server.EndPoint).ResolveAsync(
            name, Enum.Parse<DnsRecordType>(type), CancellationToken.None);

        Assert.Equal((status, chain), (answer.Status.ToString(), string.Join(' ', answer.Chain)));
        Assert.Equal(answer.Status == DnsStatus.NoError, answer.Records.Count > 0);
        Assert.Equal(
            answer.Status is not (DnsStatus.ServFail or DnsStatus.Refused or DnsStatus.Timeout), answer.IsFact);
        Assert.NotEmpty(answer.Detail);
    }

    [Fact]
    public async Task An_answer_that_DNSSEC_forbids_to_believe_is_got_when_it_is_asked_for()
    {
        await using var server = Serve(q => q.CheckingDisabled
            ? DnsReply.Of(new AddressRecord(q.Name, 1, V4)) : DnsReply.Failure);
        var client = Client(Generous, server.EndPoint);

        var believed = await client.ResolveAsync("a.test", DnsRecordType.A, CancellationToken.None);
        var given = await client.ResolveAsync("a.test", DnsRecordType.A, CancellationToken.None, unvalidated: true);

        Assert.Equal((DnsStatus.ServFail, DnsStatus.NoError), (believed.Status, given.Status));
    }

    [Fact]
    public async Task It_says_how_long_a_cache_may_keep_what_it_found()
    {
        await using var server = Serve(q => q.Name == "a.test"
            ? DnsReply.Of(new CnameRecord(q.Name, 3600, "b.test"), new AddressRecord("b.test", 60, V4))
            : DnsReply.NoSuchName);

        Assert.Equal(TimeSpan.FromHours(1), (await AskAsync(server.EndPoint, "a.test")).KeptFor);
    }

    [Fact]
    public async Task A_chain_that_the_server_does_not_finish_is_asked_further()
    {
        await using var server = Serve(q => q.Name switch
        {
            "a.test" => DnsReply.Of(new CnameRecord(q.Name, 1, "b.test")),
            "b.test" => DnsReply.Of(new CnameRecord(q.Name, 1, "c.test")),
            _ => DnsReply.Of(new AddressRecord(q.Name, 1, V4)),
        });

        var answer = await AskAsync(server.EndPoint, "a.test");

        Assert.Equal(["b.test", "c.test"], answer.Chain);
        Assert.Equal("c.test", Assert.Single(answer.Records).Name);
    }

    [Fact]
    public async Task A_chain_of_eight_is_followed_and_one_of_nine_is_not()
    {
        await using var server = Serve(q => int.Parse(q.Name.Split('.')[0]) is > 0 and var n
            ? DnsReply.Of(new CnameRecord(q.Name, 1, $"{n - 1}.test"))
            : DnsReply.Of(new AddressRecord(q.Name, 1, V4)));
        var client = Client(Generous, server.EndPoint);

        var eight = await client.ResolveAsync("8.test", DnsRecordType.A, CancellationToken.None);
        var nine = await client.ResolveAsync("9.test", DnsRecordType.A, CancellationToken.None);

        Assert.Equal((DnsStatus.NoError, 8), (eight.Status, eight.Chain.Count));
        Assert.Equal(DnsStatus.ChainBroken, nine.Status);
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(60, false)]
    public async Task An_answer_that_was_cut_off_is_fetched_over_tcp(int count, bool always)
    {
        await using var server = Serve(q => new DnsReply
        {
            TruncateUdp = always,
            Answers = [.. Enumerable.Range(0, count).Select(i => new TxtRecord(q.Name, 1, [$"text {i} of many"]))],
        });

        var answer = await AskAsync(server.EndPoint, "t.test", DnsRecordType.TXT);

        Assert.Equal(count, answer.Records.Count);
    }

    [Fact]
    public async Task Addresses_of_both_families_come_with_the_chain()
    {
        var table = new DnsTable();
        table.Set("shop.test", new CnameRecord("", 1, "edge.test"));
        table.Set("edge.test", new AddressRecord("", 1, V6), new AddressRecord("", 1, V4));
        await using var server = Serve(table.Answer);

        var found = await Client(Generous, server.EndPoint).ResolveAddressesAsync("shop.test", CancellationToken.None);

        Assert.Equal((DnsStatus.NoError, true), (found.Status, found.IsFact));
        Assert.Equal([V4, V6], found.Addresses);
        Assert.Equal(["edge.test"], found.Chain);
    }

    [Fact]
    public async Task Addresses_are_no_fact_while_one_family_could_not_be_asked()
    {
        await using var server = Serve(q => q.Type == DnsRecordType.A
            ? DnsReply.Of(new AddressRecord(q.Name, 1, V4)) : DnsReply.Failure);

        var found = await Client(Generous, server.EndPoint).ResolveAddressesAsync("a.test", CancellationToken.None);

        Assert.Equal((DnsStatus.ServFail, false), (found.Status, found.IsFact));
        Assert.Equal([V4], found.Addresses);
    }

    [Fact]
    public async Task A_second_server_answers_when_the_first_can_not()
    {
        await using var broken = Serve(_ => DnsReply.Failure);
        await using var sound = Serve(q => DnsReply.Of(new AddressRecord(q.Name, 1, V4)));

        var answer = await Client(Generous, broken.EndPoint, sound.EndPoint)
            .ResolveAsync("a.test", DnsRecordType.A, CancellationToken.None);

        Assert.Equal(DnsStatus.NoError, answer.Status);
    }

    [Fact]
    public async Task A_lost_datagram_is_asked_again()
    {
        var asked = 0;
        await using var server = Serve(q => Interlocked.Increment(ref asked) == 1
            ? DnsReply.Silence : DnsReply.Of(new AddressRecord(q.Name, 1, V4)));

        var answer = await Client(TimeSpan.FromSeconds(2), server.EndPoint)
            .ResolveAsync("a.test", DnsRecordType.A, CancellationToken.None);

        Assert.Equal(DnsStatus.NoError, answer.Status);
        Assert.True(asked >= 2);
    }

    [Fact]
    public async Task A_port_where_nothing_listens_is_unreachable_and_not_a_no()
    {
        var nobody = new IPEndPoint(IPAddress.Loopback, FreePort.Next());

        var answer = await Client(Generous, nobody).ResolveAsync("a.test", DnsRecordType.A, CancellationToken.None);

        Assert.Equal((DnsStatus.Unreachable, false), (answer.Status, answer.IsFact));
    }

    [Fact]
    public async Task Answers_to_other_questions_are_passed_over()
    {
        await using var server = new RawUdpServer(bytes =>
        {
            var query = DnsMessage.Parse(bytes);
            var forged = query with
            {
                IsResponse = true,
                RecursionAvailable = true,
                Answers = [new AddressRecord(query.Questions[0].Name, 1, IPAddress.Parse("203.0.113.66"))],
            };
            return
            [
                (forged with { Id = (ushort)(query.Id + 1) }).ToBytes(),
                (forged with { Questions = [new DnsQuestion("other.test", DnsRecordType.A)] }).ToBytes(),
                (forged with { IsResponse = false }).ToBytes(),
                [1, 2, 3],
                (forged with { Answers = [new AddressRecord(query.Questions[0].Name, 1, V4)] }).ToBytes(),
            ];
        });

        var answer = await AskAsync(server.EndPoint, "a.test");

        Assert.Equal(V4, Assert.IsType<AddressRecord>(Assert.Single(answer.Records)).Address);
    }

    [Fact]
    public async Task An_unreadable_answer_is_a_failure_of_the_server()
    {
        await using var server = new RawUdpServer(
            query => [[query[0], query[1], 0x81, 0x80, 0, 9, 0, 9, 0, 0, 0, 0, 0xC0, 12]]);

        var answer = await AskAsync(server.EndPoint, "a.test");

        Assert.Equal((DnsStatus.Refused, false), (answer.Status, answer.IsFact));
    }

    [Fact]
    public async Task A_server_from_before_edns_is_asked_without_it()
    {
        var sizes = new ConcurrentQueue<ushort?>();
        await using var server = new RawUdpServer(bytes =>
        {
            var query = DnsMessage.Parse(bytes);
            sizes.Enqueue(query.UdpSize);
            var answer = query with { IsResponse = true, RecursionAvailable = true, UdpSize = null };
            return query.UdpSize is null
                ? [(answer with { Answers = [new AddressRecord("a.test", 1, V4)] }).ToBytes()]
                : [(answer with { ResponseCode = DnsResponseCode.FormatError, Questions = [] }).ToBytes()];
        });

        var answer = await AskAsync(server.EndPoint, "a.test");

        Assert.Equal(DnsStatus.NoError, answer.Status);
        Assert.Equal([DnsMessage.AdvertisedUdpSize, null], sizes);
    }

    [Fact]
    public async Task A_server_that_only_points_elsewhere_says_nothing_about_the_name()
    {
        await using var server = new RawUdpServer(bytes => [(DnsMessage.Parse(bytes) with
        {
            IsResponse = true,
            Authorities = [new NsRecord("test", 1, "ns.elsewhere.example")],
        }).ToBytes()]);

        var answer = await AskAsync(server.EndPoint, "a.test");

        Assert.Equal((DnsStatus.Refused, false), (answer.Status, answer.IsFact));
    }

    [Fact]
    public async Task Cancellation_is_the_callers_and_no_status()
    {
        await using var server = Serve(_ => DnsReply.Silence);
        using var canceled = new CancellationTokenSource();
        var answer = Client(Generous, server.EndPoint).ResolveAsync("a.test", DnsRecordType.A, canceled.Token);

        await canceled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
    }

    // Long enough for a loaded machine; only reached when something is broken.
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(20);

    private static DnsServer Serve(Func<DnsQuestion, DnsReply> answer) =>
        DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), answer);

    private static Task<DnsAnswer> AskAsync(IPEndPoint server, string name, DnsRecordType type = DnsRecordType.A) =>
        Client(Generous, server).ResolveAsync(name, type, CancellationToken.None);

    private static DnsClient Client(TimeSpan tryTimeout, params IPEndPoint[] servers) =>
        new(new DnsClientOptions { Servers = servers, TryTimeout = tryTimeout }, TimeProvider.System);
}
