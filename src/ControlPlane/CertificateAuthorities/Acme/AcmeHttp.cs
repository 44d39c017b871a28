using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>The two quotas of one CA, over all replicas.</summary>
/// <param name="Calls">Every call takes one.</param>
/// <param name="Orders">A new order takes one of these besides.</param>
internal sealed record AcmeBudgets(ICallBudget Calls, ICallBudget Orders);

/// <summary>What one exchange gave: a reply or a fault, and perhaps the next nonce with either.</summary>
internal readonly record struct AcmeAnswer(AcmeReply? Reply, CertificateAuthorityException? Fault, string? Nonce);

/// <summary>One HTTP exchange with a CA: its quota reserved, its outcome counted and named.</summary>
internal sealed partial class AcmeHttp
{
    /// <summary>Longer pauses for everybody would punish all names for the quota of one.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    /// <summary>New orders are counted by the hour. None waits for that here: it would keep one of the workers that
    /// place orders, at other CAs, too. These are for the way to the database and back.</summary>
    private static readonly TimeSpan OrderPatience = TimeSpan.FromSeconds(2);

    /// <summary>Until an order that found no room is tried again.</summary>
    private static readonly TimeSpan OrderPause = TimeSpan.FromMinutes(1);

    private readonly HttpClient _http;
    private readonly AcmeOptions _options;
    private readonly AcmeBudgets _budgets;
    private readonly TimeProvider _time;
    private readonly ILogger<AcmeHttp> _log;
    private readonly Counter<long> _calls;

    public AcmeHttp(
        AcmeOptions options, AcmeBudgets budgets, IMeterFactory meters, TimeProvider time, ILogger<AcmeHttp> log)
    {
        (_options, _budgets, _time, _log) = (options, budgets, time, log);
        _http = Client(options);
        _calls = meters.Create("ControlPlane").CreateCounter<long>(
            "controlplane_ca_calls", description: "Calls to the CA by route and result.");
    }

    /// <summary>Sends one request.</summary>
    /// <exception cref="CertificateAuthorityException">Nothing was sent, or no answer came.</exception>
    public async Task<AcmeAnswer> ExchangeAsync(
        AcmeRoute route, CallPriority priority, HttpRequestMessage request, CancellationToken ct)
    {
        using var owned = request;
        var url = request.RequestUri!;
        // A CA elsewhere has no business with what listens on this machine.
        if (url.Scheme != Uri.UriSchemeHttps
            && !(url.Scheme == Uri.UriSchemeHttp && url.IsLoopback && _options.Directory!.IsLoopback))
        {
            throw AcmeProblems.NoAnswer(_options.Name, route, $"not sent: {url.Scheme} is not https");
        }

        await ReserveAsync(route, priority, ct);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, ct);
            var body = await response.Content.ReadAsByteArrayAsync(ct);
            var nonce = response.Headers.TryGetValues("Replay-Nonce", out var nonces) ? nonces.First() : null;
            var wait = RetryAfter.Read(response.Headers, _time.GetUtcNow());
            if (response.IsSuccessStatusCode)
            {
                Count(route, "ok");
                return new AcmeAnswer(
                    new AcmeReply(body, Absolute(url, response.Headers.Location), Alternates(url, response), wait),
                    null, nonce);
            }

            var fault = AcmeProblems.Of(_options.Name, route, response.StatusCode, body, wait);
            await RecordAsync(route, fault, ct);
            return new AcmeAnswer(null, fault, nonce);
        }
        catch (Exception broken) when (broken is HttpRequestException or InvalidDataException)
        {
            Count(route, "no_answer");
            LogFailure(_options.Name, route.Name, broken.Message);
            throw AcmeProblems.NoAnswer(_options.Name, route, broken.Message, broken);
        }
    }

    /// <summary>Counts a call that was given up.</summary>
    public void CountLate(AcmeRoute route) => Count(route, "no_answer");

    private async Task RecordAsync(AcmeRoute route, CertificateAuthorityException fault, CancellationToken ct)
    {
        Count(route, fault.Code == AcmeProblems.BadNonce ? "bad_nonce" : fault.Failure switch
        {
            CaFailure.NoBudget => "rate_limited",
            CaFailure.CredentialRefused => "denied",
            CaFailure.NotDone => "unavailable",
            _ => "refused",
        });
        if (fault.Code != AcmeProblems.BadNonce)
        {
            LogFailure(_options.Name, route.Name, fault.Message);
        }

        // What is refused at newOrder may be the quota of one name; elsewhere it is ours as a whole.
        if (fault.Failure == CaFailure.NoBudget && route != AcmeRoute.NewOrder)
        {
            await _budgets.Calls.ExhaustedAsync(
                fault.RetryAfter > LongestPause ? LongestPause : fault.RetryAfter, ct);
        }
    }

    private async Task ReserveAsync(AcmeRoute route, CallPriority priority, CancellationToken ct)
    {
        if (route == AcmeRoute.NewOrder)
        {
            await ReserveAsync(_budgets.Orders, route, priority, Shorter(OrderPatience), OrderPause, ct);
        }

        await ReserveAsync(_budgets.Calls, route, priority, _options.BudgetPatience, null, ct);
    }

    private TimeSpan Shorter(TimeSpan patience) =>
        patience < _options.BudgetPatience ? patience : _options.BudgetPatience;

    private async Task ReserveAsync(
        ICallBudget budget, AcmeRoute route, CallPriority priority, TimeSpan limit, TimeSpan? pause,
        CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(limit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
        try
        {
            await budget.ReserveAsync(priority, both.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new CertificateAuthorityException(
                CaFailure.NoBudget, $"{_options.Name} {route.Name}: not sent, the CA's call budget is used up",
                retryAfter: pause);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            throw AcmeProblems.NoAnswer(
                _options.Name, route, "not sent, because the call budget could not be asked", fault);
        }
    }

    private static Uri? Absolute(Uri from, Uri? to) => to is null || to.IsAbsoluteUri ? to : new Uri(from, to);

    /// <summary><c>Link: &lt;…&gt;;rel="alternate"</c> (RFC 8555 §7.4.2, RFC 8288).</summary>
    private static IReadOnlyList<Uri> Alternates(Uri url, HttpResponseMessage response) =>
        !response.Headers.TryGetValues("Link", out var links) ? [] :
        [
            .. from link in links.SelectMany(line => line.Split(",<"))
               let end = link.IndexOf('>')
               where end > 0 && link[end..].Contains("rel=\"alternate\"", StringComparison.OrdinalIgnoreCase)
               where Uri.TryCreate(url, link[..end].TrimStart('<', ' '), out _)
               select new Uri(url, link[..end].TrimStart('<', ' ')),
        ];

    private static HttpClient Client(AcmeOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            // A signature counts for one address only: what is behind another was not asked.
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.All,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            // So that a change of the CA's addresses is noticed.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        if (options.ServerTrustAnchors.Length > 0)
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile(options.ServerTrustAnchors);
            handler.SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }

        return new HttpClient(handler)
        {
            Timeout = Timeout.InfiniteTimeSpan,
            // 1 MiB: a chain is some kilobytes; more is not an answer but an accident.
            MaxResponseContentBufferSize = 1024 * 1024,
            DefaultRequestHeaders = { { "User-Agent", "ControlPlane" } },
        };
    }

    private void Count(AcmeRoute route, string result) => _calls.Add(
        1, new("route", $"{_options.Name} {route.Name}"), new KeyValuePair<string, object?>("result", result));

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Ca} {Route} failed: {Error}")]
    private partial void LogFailure(string ca, string route, string error);
}
