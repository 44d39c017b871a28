using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.TokenStore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains;

/// <summary>
/// Publishes a value of our own for a name and fetches it through the name's public addresses, as the CA will. The addresses are
/// the customer's word, so they are resolved once and dialled as they are; loopback, private and other reserved ranges are
/// refused, redirects are not followed, and little is read.
/// </summary>
internal sealed class PublicProbe(ITokenStore tokens, TimeProvider time, IOptions<FleetOptions> fleet)
{
    /// <summary>The CA gives a name 5 s in all; a name that needs longer from here will not do.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private const int MostBytes = 1024;

    /// <summary>True when every one of the name's addresses gives the value back.</summary>
    public async Task<bool> ArrivesAsync(Order order, IReadOnlyList<IPAddress> addresses, CancellationToken ct)
    {
        if (!fleet.Value.ProbeReservedAddresses && addresses.Any(ReservedAddresses.Contains))
        {
            return false;
        }

        // Not secret and never accepted by a CA: it only has to be ours, and the same at a repetition.
        var value = "probe-" + Convert.ToHexStringLower(SHA256.HashData(order.Id.ToByteArray()))[..32];
        await tokens.PublishAsync(order.Hostname, order.Sequence, value, time.GetUtcNow() + TimeSpan.FromMinutes(1), ct);
        try
        {
            foreach (var address in addresses)
            {
                var endpoint = new IPEndPoint(address, fleet.Value.ProbePort);
                if (await TokenFetch.FetchAsync(endpoint, order.Hostname, Limit, MostBytes, time, ct) != value)
                {
                    return false;
                }
            }

            return true;
        }
        finally
        {
            await tokens.WithdrawAsync(order.Hostname, order.Sequence, CancellationToken.None);
        }
    }
}

/// <summary>One GET of the token path at a given address, under a given Host.</summary>
internal static class TokenFetch
{
    public const string Path = "/.well-known/pki-validation/fileauth.txt";

    /// <summary>The body of a 200, trimmed; null for anything else, including no answer. Nobody is asked twice here: the caller's
    /// schedule repeats.</summary>
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
