using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ControlPlane.Tests.Domains.Preflight;

/// <summary>Port 80 of one address: a real listener on loopback that says the same to everybody, or gives the name's
/// token as a node would.</summary>
internal sealed class Door : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<string> _answer;
    private readonly Task _serving;

    private Door(IPAddress address, int port, Func<string> answer)
    {
        _answer = answer;
        _listener = new TcpListener(address, port);
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Asked { get; private set; }

    /// <param name="address">On loopback.</param>
    /// <param name="port">0 takes a free one.</param>
    /// <param name="answer">Everything that is sent, headers included.</param>
    public static Door Saying(string address, int port, string answer) =>
        new(IPAddress.Parse(address), port, () => answer);

    /// <summary>One behind which we are: it reads the token store.</summary>
    public static Door ToUs(string address, int port, string tokens, string hostname) => new(
        IPAddress.Parse(address), port, () =>
        {
            var folder = Path.Combine(tokens, hostname);
            var file = Directory.Exists(folder) ? Directory.GetFiles(folder).FirstOrDefault() : null;
            return file is null ? Status("404 Not Found") : Status("200 OK", File.ReadLines(file).First());
        });

    public static string Status(string status, string body = "", string headers = "") =>
        $"HTTP/1.1 {status}\r\n{headers}Content-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}";

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var request = new byte[4096];
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                Asked++;
                await using var stream = client.GetStream();
                if (await stream.ReadAsync(request, _stop.Token) > 0)
                {
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(_answer()), _stop.Token);
                }
            }
            catch (Exception end) when (end is OperationCanceledException or IOException or SocketException)
            {
                // The asker has hung up, or the test is over.
                continue;
            }
        }
    }
}
