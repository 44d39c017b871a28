using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using ControlPlane.Dns;

namespace ControlPlane.Tests.Dns;

public sealed class DnsServerTests
{
    [Fact]
    public void It_refuses_to_listen_beyond_loopback() => Assert.Throws<ArgumentException>(
        () => DnsServer.Start(new IPEndPoint(IPAddress.Any, 0), _ => DnsReply.NoSuchName));

    [Fact]
    public async Task An_answerer_that_throws_gives_servfail_and_the_exception()
    {
        var faults = new ConcurrentQueue<Exception>();
        await using var server = DnsServer.Start(
            new IPEndPoint(IPAddress.Loopback, 0), _ => throw new InvalidOperationException("table is gone"),
            onFault: faults.Enqueue);
        var client = new DnsClient(new DnsClientOptions { Servers = [server.EndPoint] }, TimeProvider.System);

        var answer = await client.ResolveAsync("a.test", DnsRecordType.A, CancellationToken.None);

        Assert.Equal(DnsStatus.ServFail, answer.Status);
        Assert.All(faults, f => Assert.Equal("table is gone", f.Message));
        Assert.NotEmpty(faults);
    }

    [Fact]
    public async Task It_stops_while_connections_are_open()
    {
        var server = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), _ => DnsReply.NoSuchName);
        using var idle = new TcpClient();
        await idle.ConnectAsync(server.EndPoint);

        await server.DisposeAsync();

        Assert.Equal(0, await idle.GetStream().ReadAsync(new byte[1]));
    }

    [Fact]
    public async Task Rubbish_does_not_stop_it()
    {
        await using var server = DnsServer.Start(
            new IPEndPoint(IPAddress.Loopback, 0), q => DnsReply.Of(new AddressRecord(q.Name, 1, IPAddress.Loopback)));
        using var stranger = new UdpClient();
        foreach (var rubbish in (byte[][])[[], [1, 2, 3], [.. Enumerable.Repeat((byte)0xC0, 600)]])
        {
            await stranger.SendAsync(rubbish, server.EndPoint);
        }

        var answer = await new DnsClient(new DnsClientOptions { Servers = [server.EndPoint] }, TimeProvider.System)
            .ResolveAsync("a.test", DnsRecordType.A, CancellationToken.None);

        Assert.Equal(DnsStatus.NoError, answer.Status);
    }

    [Fact]
    public async Task A_taken_port_is_an_error_and_no_other_port()
    {
        await using var first = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), _ => DnsReply.NoSuchName);

        Assert.Throws<SocketException>(() => DnsServer.Start(first.EndPoint, _ => DnsReply.NoSuchName));
    }
}
