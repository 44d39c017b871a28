using System.Net.Sockets;
using System.Text;

namespace SyncAgent.HAProxy;

/// <summary>HAProxy could not be asked: no socket, no answer in time, or a connection closed in the middle.</summary>
internal sealed class RuntimeUnreachableException(string message, Exception? cause = null)
    : IOException(message, cause);

/// <summary>
/// One short-lived connection in prompt mode: commands go out in one write, replies come back in order, each ended by a
/// prompt. Short-lived because after a reload an old connection still talks to the old worker, with Success.
/// </summary>
internal sealed class RuntimeConnection : IDisposable
{
    /// <summary>Every reply in prompt mode ends with this (measured on 2.6).</summary>
    private static readonly byte[] Prompt = "\n> "u8.ToArray();

    private readonly Socket _socket;
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _deadline;
    private byte[] _buffer = new byte[8192];
    private int _filled;

    private RuntimeConnection(TimeSpan limit, TimeProvider time, CancellationToken cancel)
    {
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _timer = new CancellationTokenSource(limit, time);
        _deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel, _timer.Token);
    }

    /// <param name="socketPath">The <c>stats socket</c>.</param>
    /// <param name="limit">For everything on this connection. An injection takes 3 ms; the limit is there for a stuck
    /// worker.
    /// </param>
    /// <param name="time">Measures the limit.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <exception cref="RuntimeUnreachableException">Nobody listens.</exception>
    public static async Task<RuntimeConnection> Open(
        string socketPath, TimeSpan limit, TimeProvider time, CancellationToken cancel)
    {
        var connection = new RuntimeConnection(limit, time, cancel);
        try
        {
            await connection._socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), connection._deadline.Token);
            await connection._socket.SendAsync("prompt\n"u8.ToArray(), connection._deadline.Token);
            await connection.ReadReply("prompt", cancel);
            return connection;
        }
        catch (Exception failure)
        {
            connection.Dispose();
            if (failure is SocketException or OperationCanceledException
                && !cancel.IsCancellationRequested)
            {
                throw new RuntimeUnreachableException(
                    $"HAProxy does not answer at {socketPath}: {failure.Message}", failure);
            }

            throw;
        }
    }

    /// <summary>Sends all commands in one write and returns one reply for each.</summary>
    /// <returns>Replies in order. An empty reply means refused: HAProxy says nothing when a payload is over its
    /// buffer.</returns>
    /// <exception cref="RuntimeUnreachableException">The limit passed.</exception>
    public async Task<IReadOnlyList<string>> Ask(IReadOnlyList<RuntimeCommand> commands, CancellationToken cancel)
    {
        var request = Compose(commands);
        try
        {
            var sending = _socket.SendAsync(request, _deadline.Token).AsTask();
            var replies = new List<string>(commands.Count);
            foreach (var command in commands)
            {
                replies.Add(await ReadReply(command.Line, cancel));
            }

            await sending;
            return replies;
        }
        catch (SocketException failure)
        {
            throw new RuntimeUnreachableException($"HAProxy closed the connection: {failure.Message}", failure);
        }
        finally
        {
            Array.Clear(request);
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _deadline.Dispose();
        _timer.Dispose();
    }

    private static byte[] Compose(IReadOnlyList<RuntimeCommand> commands)
    {
        var size = commands.Sum(c => c.Line.Length + 1 + (c.Payload is { } sent ? sent.Length + 1 : 0));
        var request = new byte[size];
        var at = 0;
        foreach (var command in commands)
        {
            at += Encoding.ASCII.GetBytes(command.Line, request.AsSpan(at));
            request[at++] = (byte)'\n';
            if (command.Payload is { } payload)
            {
                payload.Span.CopyTo(request.AsSpan(at));
                at += payload.Length;
                request[at++] = (byte)'\n';
            }
        }

        return request;
    }

    private async Task<string> ReadReply(string command, CancellationToken cancel)
    {
        var searched = 0;
        while (true)
        {
            var end = _buffer.AsSpan(searched, _filled - searched).IndexOf(Prompt);
            if (end >= 0)
            {
                return Take(searched + end);
            }

            searched = Math.Max(0, _filled - Prompt.Length + 1);
            if (_filled == _buffer.Length)
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }

            try
            {
                var read = await _socket.ReceiveAsync(_buffer.AsMemory(_filled), _deadline.Token);
                if (read == 0)
                {
                    // The rest of a half reply is no reply: the caller treats the empty text as a refusal.
                    _filled = 0;
                    return "";
                }

                _filled += read;
            }
            catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
            {
                throw new RuntimeUnreachableException($"HAProxy did not answer '{command}' in time.", late);
            }
        }
    }

    private string Take(int length)
    {
        var reply = Encoding.UTF8.GetString(_buffer, 0, length);
        var next = length + Prompt.Length;
        _buffer.AsSpan(next, _filled - next).CopyTo(_buffer);
        _filled -= next;
        // One "+ " is printed for each payload line.
        while (reply.StartsWith("+ ", StringComparison.Ordinal))
        {
            reply = reply[2..];
        }

        return reply.Trim('\n');
    }
}
