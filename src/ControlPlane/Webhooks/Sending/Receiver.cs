using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Dns;
using ControlPlane.Domains.Probing;

namespace ControlPlane.Webhooks.Sending;

/// <summary>
/// One receiver, for as long as one replica sends to it. Its address is its owner's word: each connection resolves it
/// once and dials what was resolved, reserved ranges are refused, redirects are not followed, and little is read.
/// </summary>
internal sealed class Receiver : IDisposable
{
    /// <summary>From the look-up to the answer's head: whoever needs longer should take the message first and work
    /// later.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private const int MostBytesRead = 16 * 1024;

    /// <summary>A dead address must not use up the time of those behind it.</summary>
    private static readonly TimeSpan DialLimit = TimeSpan.FromSeconds(3);

    private const int MostAddressesTried = 3;

    private readonly DnsClient _dns;
    private readonly bool _allowReserved;
    private readonly TimeProvider _time;
    private readonly HttpMessageInvoker _http;

    public Receiver(DnsClient dns, bool allowReserved, TimeProvider time)
    {
        (_dns, _allowReserved, _time) = (dns, allowReserved, time);
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            MaxConnectionsPerServer = 1,
            MaxResponseHeadersLength = MostBytesRead / 1024,
            MaxResponseDrainSize = MostBytesRead,
            ResponseDrainTimeout = TimeSpan.FromSeconds(1),
            ConnectCallback = DialAsync,
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    // What a certificate names is not fetched: that would be an address of the receiver's choice too.
                    DisableCertificateDownloads = true,
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        });
    }

    /// <summary>Posts once, to its end: half a post is one that nobody can tell from a whole one.</summary>
    /// <param name="url">As <see cref="WebhookRules"/> took it.</param>
    /// <param name="id">The header webhook-id.</param>
    /// <param name="body">What is sent.</param>
    /// <param name="secrets">What it is signed with.</param>
    public async Task<Answer> PostAsync(string url, string id, byte[] body, OpenedSecrets secrets)
    {
        if (!_allowReserved && !url.StartsWith("https://", StringComparison.Ordinal))
        {
            // Taken while the setting was another.
            return new Answer(null, "Only https is posted to.");
        }

        using var limit = new CancellationTokenSource(Limit, _time);
        var timestamp = _time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.UserAgent.Add(new("ControlPlane-Webhooks", "1"));
        request.Headers.Add(WebhookSignature.IdHeader, id);
        request.Headers.Add(WebhookSignature.TimestampHeader, $"{timestamp}");
        request.Headers.Add(WebhookSignature.SignatureHeader, secrets.Sign(id, timestamp, body));
        try
        {
            using var response = await _http.SendAsync(request, limit.Token);
            var status = (int)response.StatusCode;
            return new Answer(
                status, response.IsSuccessStatusCode ? null : Explain(status), AsksToWait(response));
        }
        catch (OperationCanceledException)
        {
            return new Answer(null, $"No answer within {Limit.TotalSeconds:0} seconds.");
        }
        catch (HttpRequestException fault)
        {
            return new Answer(null, Explain(fault));
        }
    }

    public void Dispose() => _http.Dispose();

    private static string Explain(int status) => status switch
    {
        >= 300 and < 400 => $"Answered {status}; redirects are not followed.",
        (int)HttpStatusCode.Gone => "Answered 410: it takes no more.",
        _ => $"Answered {status}.",
    };

    /// <summary>In our words: what a stranger's server says is not shown to others.</summary>
    private static string Explain(HttpRequestException fault)
    {
        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            if (inner is NotDialledException why)
            {
                return why.Message;
            }
        }

        return fault.HttpRequestError switch
        {
            HttpRequestError.SecureConnectionError => "TLS failed: the certificate must be valid for the name.",
            HttpRequestError.ConnectionError => "The connection could not be made.",
            HttpRequestError.ResponseEnded => "The connection was closed before the answer.",
            _ => "The answer was not HTTP as it should be.",
        };
    }

    private TimeSpan? AsksToWait(HttpResponseMessage response)
    {
        if (response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable)
            || response.Headers.RetryAfter is not { } after)
        {
            return null;
        }

        var wait = after.Delta ?? after.Date - _time.GetUtcNow();
        return wait > DeliverySchedule.LongestRetryAfter ? DeliverySchedule.LongestRetryAfter
            : wait > TimeSpan.Zero ? wait : null;
    }

    private async ValueTask<Stream> DialAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = await ResolveAsync(host, ct);
        if (!_allowReserved && addresses.Any(ReservedAddresses.Contains))
        {
            throw new NotDialledException("The name leads to a reserved address, which is not dialled.");
        }

        foreach (var address in addresses.Take(MostAddressesTried))
        {
            if (await TryDialAsync(new IPEndPoint(address, port), ct) is { } stream)
            {
                return stream;
            }
        }

        throw new NotDialledException($"No connection to {host} on port {port}.");
    }

    private async Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken ct)
    {
        if (IPAddress.TryParse(host, out var literal))
        {
            return [literal];
        }

        if (_allowReserved && host == "localhost")
        {
            return [IPAddress.Loopback];
        }

        try
        {
            var found = await _dns.ResolveAddressesAsync(host, ct);
            return found.Addresses.Count > 0
                ? found.Addresses
                : throw new NotDialledException($"{host} has no address in DNS, or DNS could not be asked.");
        }
        catch (ArgumentException)
        {
            throw new NotDialledException($"{host} is no name of the DNS.");
        }
    }

    private async Task<Stream?> TryDialAsync(IPEndPoint endpoint, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(DialLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endpoint, either.Token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception fault) when (fault is SocketException
            || (fault is OperationCanceledException && !ct.IsCancellationRequested))
        {
            socket.Dispose();
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Why nothing was sent.</summary>
    private sealed class NotDialledException(string message) : IOException(message);
}

/// <summary>How an attempt ended.</summary>
/// <param name="Status">What was answered; null when nothing was.</param>
/// <param name="Fault">Why it failed, in a sentence; null when it was taken.</param>
/// <param name="RetryAfter">When the receiver wants to be asked again.</param>
internal sealed record Answer(int? Status, string? Fault, TimeSpan? RetryAfter = null)
{
    public bool IsTaken => Fault is null;

    public bool IsGone => Status == StatusCodes.Status410Gone;
}
