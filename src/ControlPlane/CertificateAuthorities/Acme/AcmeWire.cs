using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>
/// Sends calls, signed and with a nonce, and repeats what may be repeated (<see cref="AcmeRoute"/>). A refused nonce is
/// replaced and the call sent again, whatever it is: the CA has not read it. No call outlives <see cref="Longest"/>.
/// </summary>
internal sealed class AcmeWire
{
    /// <summary>Sends of one call whose nonces are refused. A CA that drops one in twenty gets one call of 64 million
    /// wrong; one that refuses them all is away.</summary>
    private const int MostNonces = 6;

    private readonly AcmeHttp _http;
    private readonly AcmeOptions _options;
    private readonly ResiliencePipeline _once;
    private readonly ResiliencePipeline _repeated;
    private readonly NoncePool _nonces = new();

    public AcmeWire(AcmeHttp http, AcmeOptions options, TimeProvider time)
    {
        (_http, _options) = (http, options);
        _once = Pipeline([], time);
        _repeated = Pipeline(options.RetryWaits, time);
    }

    /// <summary>Longest time a call takes: the wait for the budget, and the call with its repetitions.</summary>
    public TimeSpan Longest => _options.BudgetPatience + _options.HttpTimeout;

    /// <summary>Sends a signed call.</summary>
    /// <param name="call">What to send.</param>
    /// <param name="key">The account's key.</param>
    /// <param name="account">The account; null while it is being made.</param>
    /// <param name="directory">Where nonces are to be had.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <exception cref="CertificateAuthorityException">It was refused, or not done.</exception>
    public Task<AcmeReply> PostAsync(
        AcmeCall call, AccountKey key, Uri? account, AcmeDirectory directory, CancellationToken ct) =>
        GuardedAsync(call.Route, limited => SignedAsync(call, key, account, directory, limited), ct);

    /// <summary>Reads what needs no signature.</summary>
    /// <exception cref="CertificateAuthorityException">It was refused, or not done.</exception>
    public Task<AcmeReply> GetAsync(AcmeRoute route, Uri url, CancellationToken ct) => GuardedAsync(
        route,
        async limited =>
        {
            var answer = await _http.ExchangeAsync(
                route, CallPriority.New, new HttpRequestMessage(HttpMethod.Get, url), limited);
            return answer.Fault is null ? answer.Reply! : throw answer.Fault;
        },
        ct);

    /// <summary>Reads an answer.</summary>
    /// <exception cref="CertificateAuthorityException">It is none.</exception>
    public T Read<T>(AcmeRoute route, AcmeReply reply, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(reply.Body, type) ?? throw new JsonException("It is null.");
        }
        catch (JsonException fault)
        {
            throw AcmeProblems.NoAnswer(_options.Name, route, "unreadable answer: " + fault.Message, fault);
        }
    }

    private ResiliencePipeline Pipeline(IReadOnlyList<TimeSpan> waits, TimeProvider time)
    {
        var builder = new ResiliencePipelineBuilder { TimeProvider = time };
        builder.AddTimeout(Longest);
        if (waits.Count > 0)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = waits.Count,
                DelayGenerator = retry => ValueTask.FromResult<TimeSpan?>(waits[retry.AttemptNumber]),
                // Not where the CA named a time, nor where it spoke of the thing itself: then the order waits.
                ShouldHandle = retry => ValueTask.FromResult(retry.Outcome.Exception is CertificateAuthorityException
                {
                    Failure: CaFailure.NotDone,
                    RetryAfter: null,
                    Code: null or "serverInternal",
                }),
            });
        }

        return builder.Build();
    }

    private async Task<AcmeReply> GuardedAsync(
        AcmeRoute route, Func<CancellationToken, Task<AcmeReply>> send, CancellationToken ct)
    {
        try
        {
            return await (route.Repeats ? _repeated : _once).ExecuteAsync(async limited => await send(limited), ct);
        }
        catch (TimeoutRejectedException fault)
        {
            _http.CountLate(route);
            throw AcmeProblems.NoAnswer(_options.Name, route, $"none within {Longest}", fault);
        }
    }

    private async Task<AcmeReply> SignedAsync(
        AcmeCall call, AccountKey key, Uri? account, AcmeDirectory directory, CancellationToken ct)
    {
        if (call.Url is not { IsAbsoluteUri: true })
        {
            throw AcmeProblems.NoAnswer(_options.Name, call.Route, "not sent: the CA named no whole address");
        }

        string? fresh = null;
        for (var attempt = 1; ; attempt++)
        {
            var nonce = fresh ?? _nonces.Take() ?? await NewNonceAsync(directory, ct);
            var answer = await _http.ExchangeAsync(
                call.Route, call.Priority, Post(call, Jws.Sign(key, account, nonce, call.Url, call.Payload)), ct);
            if (answer.Fault?.Code == AcmeProblems.BadNonce && attempt < MostNonces)
            {
                // The refusal brings the next one (RFC 8555 §6.5). The first may be a whim; after a second the rest are
                // taken for as old.
                fresh = answer.Nonce;
                if (attempt > 1)
                {
                    _nonces.Clear();
                }

                continue;
            }

            if (answer.Nonce is { } next)
            {
                _nonces.Add(next);
            }

            return answer.Fault is null ? answer.Reply! : throw answer.Fault;
        }
    }

    private async Task<string> NewNonceAsync(AcmeDirectory directory, CancellationToken ct)
    {
        var url = directory.NewNonce
            ?? throw AcmeProblems.NoAnswer(_options.Name, AcmeRoute.Directory, "it names no newNonce");
        var answer = await _http.ExchangeAsync(
            AcmeRoute.NewNonce, CallPriority.New, new HttpRequestMessage(HttpMethod.Head, url), ct);
        return answer.Fault is { } fault
            ? throw fault
            : answer.Nonce ?? throw AcmeProblems.NoAnswer(_options.Name, AcmeRoute.NewNonce, "no nonce in the answer");
    }

    private static HttpRequestMessage Post(AcmeCall call, byte[] body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, call.Url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(Jws.ContentType);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(call.Accept));
        return request;
    }
}
