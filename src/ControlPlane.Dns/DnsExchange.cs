using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace ControlPlane.Dns;

/// <summary>
/// One question to the servers, in turn, until one answers it: UDP first, TCP when the answer was cut off, without EDNS
/// when the server does not know it.
/// </summary>
internal sealed class DnsExchange(DnsClientOptions options, TimeProvider time)
{
    /// <summary>
    /// Either a message that speaks about the name (NOERROR, NXDOMAIN), or the reason why there is none.
    /// </summary>
    public sealed record Outcome(DnsMessage? Message, DnsStatus Failure, string Detail);

    public async Task<Outcome> AskAsync(DnsQuestion question, CancellationToken cancellationToken)
    {
        // Checked here, once, so that a bad name is the caller's error and not a failed try.
        _ = DnsName.ToLabels(question.Name);
        Outcome? last = null;
        for (var attempt = 0; attempt < options.Tries; attempt++)
        {
            foreach (var server in options.Servers)
            {
                last = await TryAsync(server, question, cancellationToken);
                if (last.Message is not null)
                {
                    return last;
                }
            }
        }

        return last ?? throw new InvalidOperationException("DnsClientOptions.Tries must be at least 1.");
    }

    private async Task<Outcome> TryAsync(IPEndPoint server, DnsQuestion question, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.TryTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var answer = await UdpAsync(server, Query(question, edns: true), both.Token);
            if (answer is { ResponseCode: DnsResponseCode.FormatError or DnsResponseCode.NotImplemented })
            {
                // RFC 6891 §7: a server from before EDNS answers like this.
                answer = await UdpAsync(server, Query(question, edns: false), both.Token);
            }

            if (answer.Truncated)
            {
                answer = await TcpAsync(server, Query(question, edns: true), both.Token);
            }

            return Judge(server, answer);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new Outcome(null, DnsStatus.Timeout, $"{server} did not answer within {options.TryTimeout}.");
        }
        catch (SocketException e)
        {
            return new Outcome(null, DnsStatus.Unreachable, $"{server} could not be reached: {e.SocketErrorCode}.");
        }
        catch (IOException e)
        {
            return new Outcome(null, DnsStatus.Unreachable, $"{server} closed the connection: {e.Message}");
        }
        catch (DnsFormatException e)
        {
            return new Outcome(null, DnsStatus.Refused, $"{server} sent an unreadable answer. {e.Message}");
        }
    }

    private static Outcome Judge(IPEndPoint server, DnsMessage answer)
    {
        if (answer.ResponseCode is not (DnsResponseCode.NoError or DnsResponseCode.NameError))
        {
            return new Outcome(
                null, answer.ResponseCode == DnsResponseCode.ServerFailure ? DnsStatus.ServFail : DnsStatus.Refused,
                $"{server} answered {answer.ResponseCode}.");
        }

        // A server that neither recurses nor owns the zone only points elsewhere; its silence about the name proves
        // nothing.
        return answer is { Answers.Count: 0, Authoritative: false, RecursionAvailable: false }
            ? new Outcome(null, DnsStatus.Refused, $"{server} does not recurse and does not own the zone.")
            : new Outcome(answer, DnsStatus.NoError, $"{server} answered {answer.ResponseCode}");
    }

    // Id and source port are unpredictable (RFC 5452 §9): the id from the cryptographic generator, the port because
    // every question has a fresh socket and the kernel picks ephemeral ports at random.
    private static DnsMessage Query(DnsQuestion question, bool edns) => new()
    {
        Id = (ushort)RandomNumberGenerator.GetInt32(ushort.MaxValue + 1),
        RecursionDesired = true,
        CheckingDisabled = question.CheckingDisabled,
        Questions = [question],
        UdpSize = edns ? DnsMessage.AdvertisedUdpSize : null,
    };

    private static async Task<DnsMessage> UdpAsync(IPEndPoint server, DnsMessage query, CancellationToken cancel)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, cancel);
        await socket.SendAsync(query.ToBytes(), cancel);
        // Room to spare over what we advertise: some servers overstep it.
        var buffer = new byte[4096];
        while (true)
        {
            var length = await socket.ReceiveAsync(buffer, cancel);
            // A stranger's guess, or the late answer of another question, is passed over and the real one awaited.
            if (length < 12 || BinaryPrimitives.ReadUInt16BigEndian(buffer) != query.Id)
            {
                continue;
            }

            if (DnsMessage.Parse(buffer.AsSpan(0, length)) is var answer && Answers(query, answer))
            {
                return answer;
            }
        }
    }

    private static async Task<DnsMessage> TcpAsync(IPEndPoint server, DnsMessage query, CancellationToken cancel)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server, cancel);
        await using var stream = new NetworkStream(socket);
        await DnsTcp.WriteAsync(stream, query.ToBytes(), cancel);
        var answer = DnsMessage.Parse(await DnsTcp.ReadAsync(stream, cancel));
        return Answers(query, answer) && !answer.Truncated
            ? answer
            : throw new DnsFormatException("The answer over TCP is cut off or belongs to another question.");
    }

    private static bool Answers(DnsMessage query, DnsMessage answer) =>
        answer.IsResponse && answer.Id == query.Id && (Echoes(query, answer)
            // RFC 1035 §7.3 leaves it open whether an error repeats the question, and old servers do not.
            || (answer.Questions.Count == 0
                && answer.ResponseCode is DnsResponseCode.FormatError or DnsResponseCode.NotImplemented));

    private static bool Echoes(DnsMessage query, DnsMessage answer) => answer.Questions.Count == 1
        && answer.Questions[0].Type == query.Questions[0].Type
        && DnsName.Comparer.Equals(answer.Questions[0].Name, DnsName.Normalize(query.Questions[0].Name));
}
