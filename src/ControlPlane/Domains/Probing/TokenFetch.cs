using System.Net;
using System.Net.Sockets;
using System.Text;
using ControlPlane.Domains.Visits;

namespace ControlPlane.Domains.Probing;

/// <summary>One GET of the token path at a given address, under a given Host.</summary>
internal static class TokenFetch
{
    public const string Path = "/.well-known/pki-validation/fileauth.txt";

    /// <summary>The body of a 200, trimmed; null for anything else, including no answer. Nobody is asked twice here:
    /// the caller's schedule repeats.</summary>
    public static async Task<string?> FetchAsync(
        IPEndPoint endpoint, string host, TimeSpan limit, int mostBytes, TimeProvider time, CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, ct);
        using var http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            // The address is given: no second look-up that could answer differently.
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(endpoint, cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        });
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{host}{Path}");
            request.Headers.UserAgent.ParseAdd(Visitors.OurAgent);
            using var response = await http.SendAsync(request, either.Token);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return null;
            }

            await using var body = await response.Content.ReadAsStreamAsync(either.Token);
            var buffer = new byte[mostBytes];
            var length = await body.ReadAtLeastAsync(buffer, mostBytes, throwOnEndOfStream: false, either.Token);
            return Encoding.ASCII.GetString(buffer, 0, length).Trim();
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or SocketException
            || (fault is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return null;
        }
    }
}
