using System.Net;
using System.Net.Sockets;
using System.Text;
using ControlPlane.Domains.Visits;

namespace ControlPlane.Domains.Probing;

/// <summary>What a GET of the token path met.</summary>
internal enum Met
{
    /// <summary>A 200 with a body.</summary>
    Body,

    /// <summary>Another status.</summary>
    Status,

    /// <summary>A redirect, which was not followed.</summary>
    Redirect,

    /// <summary>Something that does not speak HTTP.</summary>
    NoHttp,

    /// <summary>The connection was refused.</summary>
    Refused,

    /// <summary>No connection, or no answer, in time.</summary>
    TimedOut,

    /// <summary>The network has no way there.</summary>
    NoWay,
}

/// <summary>One answer, or why there is none.</summary>
/// <param name="Met">What was met.</param>
/// <param name="Body">The body of a 200, trimmed; null for anything else.</param>
/// <param name="Detail">A few words for a person, such as <c>answers with status 404</c>.</param>
internal sealed record Fetched(Met Met, string? Body, string Detail);

/// <summary>One GET of the token path at a given address, under a given Host.</summary>
internal static class TokenFetch
{
    /// <summary>As much of a redirect's target as a reader needs.</summary>
    private const int LongestTarget = 200;

    /// <summary>Nobody is asked twice here: the caller's schedule repeats.</summary>
    public static async Task<Fetched> FetchAsync(
        IPEndPoint endpoint, string host, string path, TimeSpan limit, int mostBytes, TimeProvider time,
        CancellationToken ct)
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
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{host}{path}");
            request.Headers.UserAgent.ParseAdd(Visitors.OurAgent);
            using var response = await http.SendAsync(request, either.Token);
            return response.StatusCode == HttpStatusCode.OK
                ? new Fetched(Met.Body, await ReadAsync(response, mostBytes, either.Token), "answers with status 200")
                : Other(response);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or SocketException)
        {
            return Failed(fault);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new Fetched(Met.TimedOut, null, $"does not answer within {limit.TotalSeconds:0} s");
        }
    }

    private static async Task<string> ReadAsync(HttpResponseMessage response, int mostBytes, CancellationToken ct)
    {
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        var buffer = new byte[mostBytes];
        var length = await body.ReadAtLeastAsync(buffer, mostBytes, throwOnEndOfStream: false, ct);
        return Encoding.ASCII.GetString(buffer, 0, length).Trim();
    }

    private static Fetched Other(HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        if (status is < 300 or > 399 || response.Headers.Location is not { OriginalString: var target })
        {
            return new Fetched(Met.Status, null, $"answers with status {status}");
        }

        var shown = target.Length > LongestTarget ? target[..LongestTarget] + "…" : target;
        return new Fetched(Met.Redirect, null, $"redirects to {shown} (status {status})");
    }

    private static Fetched Failed(Exception fault) =>
        (fault as SocketException ?? fault.InnerException as SocketException)?.SocketErrorCode switch
        {
            SocketError.ConnectionRefused => new Fetched(Met.Refused, null, "refuses the connection"),
            SocketError.TimedOut => new Fetched(Met.TimedOut, null, "does not answer"),
            SocketError.NetworkUnreachable or SocketError.HostUnreachable or SocketError.NetworkDown
                or SocketError.AddressFamilyNotSupported => new Fetched(Met.NoWay, null, "cannot be reached from here"),
            _ => new Fetched(Met.NoHttp, null, "does not speak HTTP, or hangs up"),
        };
}
