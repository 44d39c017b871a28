using System.Net;
using System.Net.Sockets;

namespace ControlPlane.Tests.Dns;

/// <summary>A hostile or ancient DNS server: answers each UDP question with whatever octets the test wants.</summary>
internal sealed class RawUdpServer : IAsyncDisposable
{
    private readonly UdpClient _udp = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _loop;

    public RawUdpServer(Func<byte[], IEnumerable<byte[]>> answer) => _loop = Task.Run(() => ServeAsync(answer));

    public IPEndPoint EndPoint => (IPEndPoint)_udp.Client.LocalEndPoint!;

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _loop);
        _udp.Dispose();
        _stopping.Dispose();
    }

    private async Task ServeAsync(Func<byte[], IEnumerable<byte[]>> answer)
    {
        while (true)
        {
            var question = await _udp.ReceiveAsync(_stopping.Token);
            foreach (var packet in answer(question.Buffer))
            {
                await _udp.SendAsync(packet, question.RemoteEndPoint, _stopping.Token);
            }
        }
    }
}
