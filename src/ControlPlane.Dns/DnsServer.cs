using System.Net;
using System.Net.Sockets;

namespace ControlPlane.Dns;

/// <summary>
/// A <b>stand-in</b> for the public DNS, for tests and local runs: answers from a function over UDP and TCP on one
/// loopback address, claims authority over every name, does not recurse, and is not meant to face a network. Bounded:
/// UDP questions are answered one after the other, at most <see cref="MaxConnections"/> TCP connections at once, each
/// closed after <see cref="IdleLimit"/> without a question. The answerer is called concurrently and should return at
/// once; when it throws, the asker gets SERVFAIL and <c>onFault</c> the exception.
/// </summary>
internal sealed class DnsServer : IAsyncDisposable
{
    public const int MaxConnections = 64;

    // 5 s: askers here are on the same machine; a connection that says nothing for that long was forgotten.
    public static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(5);

    private static readonly DnsReply NotImplemented = new() { Code = DnsResponseCode.NotImplemented };

    private readonly Func<DnsQuestion, DnsReply> _answer;
    private readonly Action<Exception>? _onFault;
    private readonly TimeProvider _time;
    private readonly Socket _udp;
    private readonly Socket _tcp;
    private readonly SemaphoreSlim _connections = new(MaxConnections);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _loops;

    private DnsServer(
        (Socket Udp, Socket Tcp) sockets, Func<DnsQuestion, DnsReply> answer, TimeProvider time,
        Action<Exception>? onFault)
    {
        (_udp, _tcp) = sockets;
        (_answer, _time, _onFault) = (answer, time, onFault);
        EndPoint = (IPEndPoint)_tcp.LocalEndPoint!;
        _loops = Task.WhenAll(Task.Run(ServeUdpAsync), Task.Run(ServeTcpAsync));
    }

    /// <summary>Where it listens, UDP and TCP alike.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Starts listening. Port 0 takes a free one.</summary>
    /// <exception cref="ArgumentException">The address is not a loopback address.</exception>
    /// <exception cref="SocketException">The port is taken.</exception>
    public static DnsServer Start(
        IPEndPoint at, Func<DnsQuestion, DnsReply> answer, TimeProvider? time = null,
        Action<Exception>? onFault = null) =>
        IPAddress.IsLoopback(at.Address)
            ? new DnsServer(Listen(at), answer, time ?? TimeProvider.System, onFault)
            : throw new ArgumentException($"The stand-in DNS listens on loopback only, not on {at}.", nameof(at));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _loops;
        for (var i = 0; i < MaxConnections; i++)
        {
            await _connections.WaitAsync();
        }

        _udp.Dispose();
        _tcp.Dispose();
        _connections.Dispose();
        _stopping.Dispose();
    }

    private static (Socket Udp, Socket Tcp) Listen(IPEndPoint at)
    {
        // A port that is free for TCP may be taken for UDP: with port 0 try a few, with a fixed port say so.
        for (var attempt = 1; ; attempt++)
        {
            var tcp = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            var udp = new Socket(at.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                tcp.Bind(at);
                tcp.Listen(MaxConnections);
                udp.Bind(tcp.LocalEndPoint!);
                return (udp, tcp);
            }
            catch (SocketException) when (at.Port == 0 && attempt < 8)
            {
                tcp.Dispose();
                udp.Dispose();
            }
            catch
            {
                tcp.Dispose();
                udp.Dispose();
                throw;
            }
        }
    }

    private async Task ServeUdpAsync()
    {
        var buffer = new byte[DnsMessage.PlainUdpSize * 8];
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var got = await _udp.ReceiveFromAsync(buffer, new IPEndPoint(EndPoint.Address, 0), _stopping.Token);
                if (Reply(buffer.AsSpan(0, got.ReceivedBytes), overUdp: true) is { } reply)
                {
                    await _udp.SendToAsync(reply, got.RemoteEndPoint, _stopping.Token);
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException e)
            {
                // The asker has gone (ICMP port unreachable); the next one has nothing to do with it.
                _onFault?.Invoke(e);
            }
        }
    }

    private async Task ServeTcpAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await _connections.WaitAsync(_stopping.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            try
            {
                _ = ServeConnectionAsync(await _tcp.AcceptAsync(_stopping.Token));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                _connections.Release();
                if (e is SocketException)
                {
                    _onFault?.Invoke(e);
                }
            }
        }
    }

    private async Task ServeConnectionAsync(Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            while (true)
            {
                using var idle = new CancellationTokenSource(IdleLimit, _time);
                using var both = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, _stopping.Token);
                var question = await DnsTcp.ReadAsync(stream, both.Token);
                if (Reply(question, overUdp: false) is not { } reply)
                {
                    return;
                }

                await DnsTcp.WriteAsync(stream, reply, both.Token);
            }
        }
        catch (Exception e) when (e is EndOfStreamException or OperationCanceledException)
        {
            // The ordinary ends of a connection: the asker closed, fell silent, or we are stopping.
            return;
        }
        catch (Exception e)
        {
            _onFault?.Invoke(e);
        }
        finally
        {
            _connections.Release();
        }
    }

    private byte[]? Reply(ReadOnlySpan<byte> bytes, bool overUdp)
    {
        DnsMessage query;
        try
        {
            query = DnsMessage.Parse(bytes);
        }
        catch (DnsFormatException e)
        {
            _onFault?.Invoke(e);
            return null;
        }

        if (query.IsResponse)
        {
            return null;
        }

        try
        {
            var answerable = query is { Opcode: 0, Questions.Count: 1 };
            return Encode(query, answerable ? _answer(Asked(query)) : NotImplemented, overUdp);
        }
        catch (Exception e)
        {
            // Also an answer that can not be written, such as one with an illegal name.
            _onFault?.Invoke(e);
            return Encode(query, DnsReply.Failure, overUdp);
        }
    }

    private static DnsQuestion Asked(DnsMessage query) =>
        query.Questions[0] with { CheckingDisabled = query.CheckingDisabled };

    private static byte[]? Encode(DnsMessage query, DnsReply reply, bool overUdp)
    {
        if (reply.Silent)
        {
            return null;
        }

        var message = new DnsMessage
        {
            Id = query.Id,
            IsResponse = true,
            Opcode = query.Opcode,
            Authoritative = true,
            RecursionDesired = query.RecursionDesired,
            CheckingDisabled = query.CheckingDisabled,
            ResponseCode = reply.Code,
            Questions = query.Questions,
            Answers = reply.Answers,
            Authorities = reply.Authorities,
            UdpSize = query.UdpSize is null ? null : DnsMessage.AdvertisedUdpSize,
        };
        var whole = message.ToBytes();
        var room = Math.Clamp(query.UdpSize ?? 0, DnsMessage.PlainUdpSize, DnsMessage.AdvertisedUdpSize);
        return overUdp && (reply.TruncateUdp || whole.Length > room)
            ? (message with { Truncated = true, Answers = [], Authorities = [] }).ToBytes()
            : whole;
    }
}
