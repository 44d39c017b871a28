using System.Net.Sockets;

namespace LocalFleet.Parts;

/// <summary>Asks a part on loopback whether it is there.</summary>
internal static class Probe
{
    // 2 s: on loopback an answer takes milliseconds, and whoever asks comes again.
    private static readonly HttpClient Client = new(
        new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false })
    {
        Timeout = TimeSpan.FromSeconds(2),
    };

    /// <returns>The status, or null without an answer.</returns>
    public static async Task<int?> StatusOfAsync(string url, CancellationToken cancellation)
    {
        try
        {
            using var answer = await Client.GetAsync(url, cancellation);
            return (int)answer.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            return null;
        }
    }

    public static async Task<bool> ConnectsAsync(int port, CancellationToken cancellation)
    {
        try
        {
            using var tcp = new TcpClient();
            await tcp.ConnectAsync("127.0.0.1", port, cancellation);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
