using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>
/// A stand-in for the control plane: the routes of the contracts over a list in memory. It checks tokens and seals
/// bundles as the real one does, and can be told to misbehave.
/// </summary>
internal sealed partial class ApiStandIn : IAsyncDisposable
{
    public const string JoinCode = "join-code-of-a-test";

    private readonly Lock _lock = new();
    private readonly List<(DesiredDomain? Wanted, Tombstone? Withdrawn)> _history = [];
    private readonly ConcurrentDictionary<Guid, TestBundle> _bundles = new();
    private readonly ConcurrentDictionary<string, Guid> _domains = new(StringComparer.Ordinal);
    private TaskCompletionSource _changed = NewSignal();
    private EnrolRequest? _node;
    private WebApplication? _app;

    public Guid Fleet { get; } = Guid.NewGuid();

    public Guid Node { get; } = Guid.NewGuid();

    public int Port { get; } = FreePort.Next();

    public Uri Address => new($"http://127.0.0.1:{Port}");

    public long Epoch { get; set; } = 1;

    /// <summary>The lowest version of TLS of the names that do not take the default.</summary>
    public ConcurrentDictionary<string, string> TlsMinimum { get; } = new(StringComparer.Ordinal);

    /// <summary>Added to the server's clock.</summary>
    public TimeSpan ClockAhead { get; set; }

    /// <summary>While true every call gets 503.</summary>
    public bool IsAway { get; set; }

    /// <summary>While true every poll gets 410, also one for everything.</summary>
    public bool IsGone { get; set; }

    /// <summary>Changes a sealed bundle on its way out.</summary>
    public Func<SealedBundle, SealedBundle> Tamper { get; set; } = bundle => bundle;

    /// <summary>Changes a page on its way out; a test that plays back an old one returns that.</summary>
    public Func<DesiredStatePage, DesiredStatePage> OnPage { get; set; } = page => page;

    /// <summary>Every page that was given, as it was.</summary>
    public ConcurrentQueue<DesiredStatePage> Pages { get; } = new();

    /// <summary>Chains are sent this many issuers long.</summary>
    public ConcurrentQueue<ObservedStateReport> Reports { get; } = new();

    public ConcurrentQueue<string> Refusals { get; } = new();

    public int Polls { get; private set; }

    public static async Task<ApiStandIn> Start()
    {
        var api = new ApiStandIn();
        await api.Run();
        return api;
    }

    public async Task Run()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.ConfigureHttpJsonOptions(
            json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, ContractsJson.Default));
        builder.Services.AddResponseCompression();
        _app = builder.Build();
        _app.UseResponseCompression();
        _app.Urls.Add($"http://127.0.0.1:{Port}");
        _app.Use(Guard);
        _app.MapPost(Routes.Enrol, Enrol);
        _app.MapGet(Routes.DesiredState, GetDesiredState);
        _app.MapPost(Routes.Digests, Compare);
        _app.MapPost(Routes.FetchBundles, FetchBundles);
        _app.MapPut(Routes.ObservedState, (ObservedStateReport report) =>
        {
            Reports.Enqueue(report);
            return TypedResults.Ok(new ObservedStateReceipt(report.ReportNumber, "Serving"));
        });
        await _app.StartAsync();
    }

    public async Task Stop()
    {
        await _app!.DisposeAsync();
        _app = null;
    }

    public void Want(params IEnumerable<TestBundle> bundles)
    {
        lock (_lock)
        {
            foreach (var bundle in bundles)
            {
                var domain = _domains.GetOrAdd(bundle.Hostname, _ => Guid.CreateVersion7());
                _bundles[domain] = bundle;
                _history.Add((Describe(domain, bundle, _history.Count + 1), null));
            }
        }

        Signal();
    }

    public void Withdraw(string? approval, params IEnumerable<string> hostnames)
    {
        lock (_lock)
        {
            foreach (var hostname in hostnames)
            {
                var domain = _domains[hostname];
                _bundles.TryRemove(domain, out _);
                _history.Add((null, new Tombstone(
                    domain, hostname, TimeProvider.System.GetUtcNow(), approval, _history.Count + 1)));
            }
        }

        Signal();
    }

    /// <summary>The history of before is gone: a new epoch begins with what is wanted now.</summary>
    public void SetEpoch(long epoch)
    {
        Epoch = epoch;
        Signal();
    }

    /// <summary>The last row that was reported for this name.</summary>
    public ObservedDomain? RowOf(string hostname)
    {
        return _domains.TryGetValue(hostname, out var domain)
            ? Reports.ToArray().SelectMany(report => report.Rows).LastOrDefault(row => row.Domain == domain)
            : null;
    }

    public bool IsServing(TestBundle bundle) =>
        RowOf(bundle.Hostname) is { State: ObservedDomainState.Serving } row
            && row.HandshakeFingerprint == bundle.Fingerprint;

    public async ValueTask DisposeAsync()
    {
        Signal();
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private DesiredDomain Describe(Guid domain, TestBundle bundle, long revision)
    {
        return new DesiredDomain(
            domain, bundle.Hostname, BundleId(bundle), bundle.Leaf.SerialNumber, bundle.Fingerprint,
            new DateTimeOffset(bundle.Leaf.NotAfter.ToUniversalTime()), revision)
        {
            TlsMinimum = TlsVersions.OnWire(TlsMinimum.GetValueOrDefault(bundle.Hostname, TlsVersions.Default)),
        };
    }

    private static Guid BundleId(TestBundle bundle) => new(Convert.FromHexString(bundle.Fingerprint)[..16]);

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private async Task Guard(HttpContext context, RequestDelegate next)
    {
        if (IsAway)
        {
            context.Response.Headers.RetryAfter = RetryAfter;
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        Encodings.Enqueue(context.Request.Headers.AcceptEncoding.ToString());
        context.Request.EnableBuffering();
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        context.Request.Body.Position = 0;
        if (context.Request.Path != Routes.Enrol && await Refusal(context.Request, body.ToArray()) is { } refusal)
        {
            Refusals.Enqueue(refusal);
            context.Response.Headers[NodeToken.ServerTimeHeader] =
                (TimeProvider.System.GetUtcNow() + ClockAhead).ToString("O", CultureInfo.InvariantCulture);
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        await next(context);
    }

    private async Task<string?> Refusal(HttpRequest request, byte[] body)
    {
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(_node!.SigningKey, out _);
        var handler = new JsonWebTokenHandler();
        var now = (TimeProvider.System.GetUtcNow() + ClockAhead).UtcDateTime;
        var checkedToken = await handler.ValidateTokenAsync(
            request.Headers.Authorization.ToString()["Bearer ".Length..],
            new TokenValidationParameters
            {
                IssuerSigningKey = new ECDsaSecurityKey(key) { KeyId = NodeKeys.IdOf(_node.SigningKey) },
                ValidTypes = [NodeToken.Type],
                ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
                ValidAudience = NodeToken.Audience,
                ValidateIssuer = false,
                LifetimeValidator = (_, expires, _, _) =>
                    expires > now && expires <= now + NodeToken.Lifetime + NodeToken.Lifetime,
                CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false },
            });
        var claims = checkedToken.Claims;
        return !checkedToken.IsValid ? $"token: {checkedToken.Exception.GetType().Name}"
            : !Equals(claims["sub"], Node.ToString()) ? "sub"
            : !Equals(claims[NodeToken.MethodClaim], request.Method) ? "method"
            : !Equals(claims[NodeToken.TargetClaim], request.Path + request.QueryString) ? "target"
            : !Equals(claims[NodeToken.BodyDigestClaim], NodeToken.DigestOf(body)) ? "body"
            : null;
    }

    private Results<Created<EnrolResponse>, ProblemHttpResult> Enrol(EnrolRequest request)
    {
        if (request.JoinCode != JoinCode)
        {
            return TypedResults.Problem("The join code is not known.", statusCode: 403);
        }

        _node = request;
        return TypedResults.Created("/v1/nodes/" + Node, new EnrolResponse(Node, Fleet, "test"));
    }

    private async Task<Results<Ok<DesiredStatePage>, StatusCodeHttpResult>> GetDesiredState(
        HttpContext context, string? since, int wait)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, _app!.Lifetime.ApplicationStopping);
        var changed = _changed.Task;
        Polls++;
        if (IsGone)
        {
            return TypedResults.StatusCode(StatusCodes.Status410Gone);
        }

        var after = 0;
        if (since is not null)
        {
            var parts = since.Split('+').Select(part => int.Parse(part, CultureInfo.InvariantCulture)).ToArray();
            if (parts[0] != Epoch)
            {
                return TypedResults.StatusCode(StatusCodes.Status410Gone);
            }

            after = parts[1];
            if (after < _forgotten)
            {
                return TypedResults.StatusCode(StatusCodes.Status410Gone);
            }

            if (after >= Count() && wait > 0)
            {
                var delay = Task.Delay(TimeSpan.FromSeconds(wait), TimeProvider.System, stop.Token);
                await Task.WhenAny(changed, delay);
            }
        }

        lock (_lock)
        {
            var rows = _history.Skip(after).Take(500).ToArray();
            var end = after + rows.Length;
            var page = OnPage(new DesiredStatePage(
                Epoch,
                end,
                $"{Epoch}+{end}",
                end < _history.Count,
                [.. rows.Select(row => row.Wanted).OfType<DesiredDomain>()],
                [.. rows.Select(row => row.Withdrawn).OfType<Tombstone>()])
            {
                At = TimeProvider.System.GetUtcNow() + ClockAhead,
            });
            Pages.Enqueue(page);
            return TypedResults.Ok(page);
        }
    }

    private int Count()
    {
        lock (_lock)
        {
            return _history.Count;
        }
    }

    private Ok<FetchBundlesResponse> FetchBundles(FetchBundlesRequest request)
    {
        using var recipient = ECDiffieHellman.Create();
        recipient.ImportSubjectPublicKeyInfo(_node!.SealingKey, out _);
        var chains = new Dictionary<string, IReadOnlyList<byte[]>>();
        var bundles = new List<SealedBundle>();
        foreach (var domain in request.Domains.Where(_bundles.ContainsKey))
        {
            var bundle = _bundles[domain];
            var chain = Convert.ToHexStringLower(SHA256.HashData(bundle.IssuerDer));
            if (!request.KnownChains.Contains(chain))
            {
                chains[chain] = [bundle.IssuerDer];
            }

            var keyId = NodeKeys.IdOf(_node.SealingKey);
            var binding = new SealBinding(Fleet, Node, keyId, domain, BundleId(bundle), bundle.Fingerprint);
            var (encapsulation, sealedKey) = Hpke.Seal(
                recipient.PublicKey, SealBinding.HpkeInfo, binding.ToAdditionalData(), bundle.Pkcs8);
            bundles.Add(Tamper(new SealedBundle(
                domain, bundle.Hostname, BundleId(bundle), RevisionOf(domain), bundle.Fingerprint,
                new DateTimeOffset(bundle.Leaf.NotAfter.ToUniversalTime()), bundle.Leaf.RawData, chain, keyId,
                encapsulation, sealedKey)));
        }

        return TypedResults.Ok(new FetchBundlesResponse(
            bundles, chains, [.. request.Domains.Where(domain => !_bundles.ContainsKey(domain))]));
    }

    private long RevisionOf(Guid domain)
    {
        lock (_lock)
        {
            return _history.Last(row => row.Wanted?.Domain == domain).Wanted!.Revision;
        }
    }
}
