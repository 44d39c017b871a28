using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using CertCentralSandbox.Faults;

namespace CertCentralSandbox.Validation;

/// <summary>What one perspective made of one host.</summary>
internal enum FetchOutcome
{
    Found,
    Unresolved,
    Unreachable,
    TimedOut,
    BadStatus,
    RedirectRefused,
    Empty,
    ValueMissing,
    PerspectiveDown,
}

/// <summary>
/// Fetches <c>http://name/.well-known/pki-validation/fileauth.txt</c> for real, as one of several network perspectives.
/// No retry: a perspective looks once, and the polling schedule looks again. Limits are those of DigiCert's published
/// library: connect 2 s, whole answer 5 s, 5000 characters.
/// </summary>
internal sealed class TokenFetch(
    DnsLookup dns, SandboxOptions options, FaultBoard faults, TimeProvider time) : IDisposable
{
    public const string Path = "/.well-known/pki-validation/fileauth.txt";
    private const int BodyLimit = 5000;
    private static readonly TimeSpan WholeAnswer = TimeSpan.FromSeconds(5);
    private static readonly string[] UserAgents = ["DigiCert DCV Bot/1.1", "DigiCert DCV/1.1"];

    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        ConnectTimeout = TimeSpan.FromSeconds(2),
        PooledConnectionLifetime = TimeSpan.Zero, // each perspective is another machine: no shared connections
        MaxResponseHeadersLength = 16,
        ResponseDrainTimeout = TimeSpan.Zero,
        ConnectCallback = async (context, cancellation) => await DialAsync(context, dns, options, cancellation),
        SslOptions =
        {
            // DigiCert's library does not check certificates here: the host is about to get its first one.
#pragma warning disable CA5359
            RemoteCertificateValidationCallback = static (_, _, _, _) => true,
#pragma warning restore CA5359
        },
    });

    /// <summary>Looks for a body that <paramref name="accepts"/> takes; perspectives count from 1.</summary>
    public async Task<FetchOutcome> LookAsync(
        string name, int perspective, Func<string, bool> accepts, CancellationToken cancellation)
    {
        var outcome = FetchOutcome.Unreachable;
        string[] schemes = faults.Fires(Fault.HttpsFirst, [name]) ? ["https", "http"] : ["http"];
        foreach (var scheme in schemes)
        {
            outcome = await LookAsync(new Uri($"{scheme}://{name}{Path}"), perspective, accepts, cancellation);
            if (outcome == FetchOutcome.Found)
            {
                break;
            }
        }

        return outcome;
    }

    public void Dispose() => _http.Dispose();

    private async Task<FetchOutcome> LookAsync(
        Uri start, int perspective, Func<string, bool> accepts, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(WholeAnswer, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            var redirectsLeft = faults.Fires(Fault.FiveRedirects, [start.Host]) ? 5 : 1;
            for (var target = start; ;)
            {
                using var request = Ask(target, perspective);
                using var answer = await _http.SendAsync(request, either.Token);
                if (answer.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
                    or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)
                {
                    if (redirectsLeft-- == 0 || Follow(start, target, answer.Headers.Location) is not { } next)
                    {
                        return FetchOutcome.RedirectRefused;
                    }

                    target = next;
                    continue;
                }

                return answer.IsSuccessStatusCode
                    ? Judge(await ReadAsync(answer, either.Token), accepts)
                    : FetchOutcome.BadStatus;
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return FetchOutcome.TimedOut;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException)
        {
            return e is HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError }
                ? FetchOutcome.Unresolved
                : FetchOutcome.Unreachable;
        }
    }

    private const string PerspectiveHeader = "X-Sandbox-Perspective";

    private static HttpRequestMessage Ask(Uri target, int perspective)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, target) { Version = HttpVersion.Version11 };
        request.Headers.TryAddWithoutValidation("User-Agent", UserAgents[(perspective - 1) % UserAgents.Length]);
        request.Headers.TryAddWithoutValidation(PerspectiveHeader, perspective.ToString());
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("*/*"));
        request.Headers.ConnectionClose = true;
        return request;
    }

    /// <summary>A redirect may lead to http:80 or https:443 of the same registrable domain. That domain is taken to be
    /// the last two labels; the public suffix list is beyond a stand-in.</summary>
    private static Uri? Follow(Uri start, Uri from, Uri? location)
    {
        if (location is null || !Uri.TryCreate(from, location, out var next))
        {
            return null;
        }

        return next is { Scheme: "http", Port: 80 } or { Scheme: "https", Port: 443 } && Base(next) == Base(start)
            ? next
            : null;

        static string Base(Uri uri) => string.Join('.', uri.Host.ToLowerInvariant().Split('.').TakeLast(2));
    }

    private static async Task<string> ReadAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
        using var reader = new StreamReader(body, Encoding.UTF8);
        var buffer = new char[BodyLimit];
        var length = await reader.ReadBlockAsync(buffer, cancellation);
        return new string(buffer, 0, length);
    }

    private static FetchOutcome Judge(string body, Func<string, bool> accepts) =>
        string.IsNullOrWhiteSpace(body) ? FetchOutcome.Empty
        : accepts(body) ? FetchOutcome.Found
        : FetchOutcome.ValueMissing;

    private static async Task<Stream> DialAsync(
        SocketsHttpConnectionContext context,
        DnsLookup dns,
        SandboxOptions options,
        CancellationToken cancellation)
    {
        var (name, asked) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var port = asked == 443 ? options.HttpsPort : options.HttpPort;
        var addresses = await dns.AddressesAsync(name, cancellation);
        if (addresses.Count == 0)
        {
            throw new HttpRequestException(HttpRequestError.NameResolutionError, $"{name} has no address.");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (addresses.All(address => address.GetAddressBytes() is [127, ..]))
            {
                // Each perspective from an address of its own, as at a real CA.
                var perspective = context.InitialRequestMessage.Headers.GetValues(PerspectiveHeader).Single();
                socket.Bind(new IPEndPoint(IPAddress.Parse($"127.0.3.{perspective}").MapToIPv6(), 0));
            }

            await socket.ConnectAsync([.. addresses], port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
